# make run     runs Rowkeep with a private PostgreSQL: nothing to configure
# make test    runs every test
# make check   what CI runs: formatting, clippy, every test
#
# All of them install PostgreSQL's server programs first where they are missing and can be had (.ci/postgres).

.PHONY: run test check postgres

run: postgres
	cargo run --locked

test: postgres
	cargo test --locked

check:
	.ci/run

postgres:
	@.ci/postgres
