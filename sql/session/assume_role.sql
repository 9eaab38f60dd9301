-- Takes on the role of a request without saying whose request it is: nobody's.
set local role rowkeep_api
