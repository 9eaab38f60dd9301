-- Takes on the role of a request without an identity.
set local role rowkeep_api
