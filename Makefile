# make run       runs Rowkeep with a private PostgreSQL: nothing to configure
# make test      runs every test
# make check     what CI runs: formatting, clippy, every test
# make bench     measures how fast it is against PostgreSQL itself, for some 20 minutes (bench/run --help)
# make audit     after a change in sql/audit/: assembles sql/audit.sql, the one file for psql
# make declared  after a change of migrations/ or policies/: writes sql/audit/declared/ anew, from fresh databases
#
# All of them install PostgreSQL's server programs first where they are missing and can be had (.ci/postgres). The tests
# need Node.js as well (.ci/node), for a real Better Auth, the other releases of PostgreSQL (.ci/releases), and Python with
# pgrls (.ci/pgrls), for what others find in the policies.

.PHONY: run test check bench audit declared postgres node releases pgrls

run: postgres
	cargo run --locked

test: postgres node releases pgrls
	cargo test --locked

check:
	.ci/run

bench: postgres
	bench/run

audit:
	sql/audit/assemble > sql/audit.sql.new
	mv sql/audit.sql.new sql/audit.sql

declared: postgres releases
	ROWKEEP_DECLARE=1 cargo test --locked --test suite has_what_is_declared

postgres:
	@.ci/postgres

node:
	@.ci/node

releases: node
	@.ci/releases

pgrls:
	@.ci/pgrls
