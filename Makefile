# make run        runs Rowkeep with a private PostgreSQL, without any configuration
# make example    runs Rowkeep, a Better Auth server and a task list in the browser (examples/README.md)
# make test       runs the tests that need only Rust, a C compiler and PostgreSQL
# make test-citus runs the tests on a distributed database, a cluster of Citus that CITUS_URLS names (docs/growth.md)
# make test-all   runs all tests; installs Node.js, Python packages and other releases of PostgreSQL for them
# make check      runs what CI runs: formatting, clippy and all tests (.ci/run)
# make fuzz       looks for inputs that break a parser, a minute for each fuzz target (fuzz/run, docs/fuzzing.md)
# make bench      compares the speed of Rowkeep with that of PostgreSQL; takes 20 minutes (bench/run --help)
# make crates     checks the crates that Rowkeep is made of: licences, sources, known holes, crates that nothing uses (.ci/crates)
# make declared   writes sql/audit/declared/ again, after a change of migrations/ or policies/
# make audit      writes sql/audit.sql, the one file for psql, and docs/findings.md, after a change in sql/audit/
#
# The other targets install what these need, and `make tools` runs all of them. Each names its script in .ci/:
#
#   postgres      PostgreSQL's server programs
#   node          Node.js, Better Auth, and what builds the page of the example
#   releases      PostgreSQL 16, 17 and 18, from npm
#   pgrls         pgrls, a linter of row-level security on Python
#   pg-upgrade    pg_upgrade with PostgreSQL 16 and 18, on Python
#   sqlmodel      SQLModel, which makes the tables of FastAPI back ends, on Python
#   pgbouncer     PgBouncer, a connection pooler
#   nginx         nginx, a web server in front of Rowkeep
#   chromium      Chromium, a web browser
#   prometheus    Prometheus, which scrapes metrics, and what reads the dashboard for Grafana
#   openapi       what reads the OpenAPI document: a linter, a TypeScript client, schemathesis
#   deploy        what checks the files for Docker, Kubernetes and systemd, and the workflows of GitHub
#   sbom          the library that writes the list of crates of a release (SBOM), on Python

.PHONY: run example test test-all test-citus tools check fuzz bench audit crates declared postgres node releases pgrls pg-upgrade sqlmodel pgbouncer nginx prometheus chromium openapi deploy sbom

# Many tests wait, for a time limit or for another process, so that more threads than cores finish sooner.
TEST_THREADS ?= 8

run: postgres
	cargo run --locked

# ROWKEEP=/path/to/rowkeep runs a program that is built already.
example: postgres node
	@[ -n "$$ROWKEEP" ] || cargo build --locked
	@PATH="$$PWD/target/node/bin:$$PATH" node examples/start.mjs

test: postgres
	cargo test --locked -- --test-threads $(TEST_THREADS)

# First the tests of `make test`, then the ignored ones, and last those that check what the others have recorded.
test-all: tools test
	cargo test --locked -- --ignored --skip coverage:: --test-threads $(TEST_THREADS)
	cargo test --locked --test suite coverage:: -- --ignored

# Left out are tests that change the database in a way that Citus refuses.
test-citus: postgres pgbouncer
	@[ -n "$$CITUS_URLS" ] || { echo "skipped: CITUS_URLS is not set (docs/growth.md)"; exit 0; }; set -e; \
	cargo test --locked --test suite -- --ignored --test-threads 3 citus::; \
	ON_CITUS=1 cargo test --locked --test suite -- --test-threads 3 http:: database::two_locks \
	    --skip a_server_without_its_database --skip a_server_whose_tables_are_not_protected \
	    --skip a_refused_caller_needs_no_database --skip times_are_utc --skip the_largest_id_of_javascript \
	    --skip updated_at_never_moves_backwards

tools: postgres node releases pgrls pg-upgrade sqlmodel pgbouncer nginx prometheus chromium openapi deploy sbom

check:
	.ci/run

fuzz:
	fuzz/run

bench: postgres
	bench/run

audit:
	sql/audit/assemble > sql/audit.sql.new
	mv sql/audit.sql.new sql/audit.sql
	sql/audit/findings_page > docs/findings.md.new
	mv docs/findings.md.new docs/findings.md

crates:
	@.ci/crates

declared: postgres releases
	ROWKEEP_DECLARE=1 cargo test --locked --test suite has_what_is_declared -- --ignored

postgres:
	@.ci/postgres

node:
	@.ci/node

releases: node
	@.ci/releases

pgrls:
	@.ci/pgrls

pg-upgrade:
	@.ci/pg-upgrade

sqlmodel:
	@.ci/sqlmodel

pgbouncer:
	@.ci/pgbouncer

nginx:
	@.ci/nginx

prometheus:
	@.ci/prometheus

chromium: node
	@.ci/chromium

openapi: node
	@.ci/openapi

deploy:
	@.ci/deploy

sbom:
	@.ci/sbom
