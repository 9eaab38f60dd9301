//! Read replicas: reads come from standbys, and no answer is older than what its client has seen.

mod addresses;
mod conflicts;
mod fail_over;
mod freshness;
mod isolation;
mod lists;
mod load;
mod metrics;
mod outages;
mod positions;
mod protection;
mod round_trip;
mod trio;
mod without;
