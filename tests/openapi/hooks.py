"""What OpenAPI cannot say, and what schemathesis gets wrong."""

import schemathesis

# The names of one parameter, and parameters that can contradict each other.
EXCLUSIVE = [
    ("limit", "size", "per_page", "page_size", "page"),
    ("offset", "skip", "page"),
    ("q", "search"),
    ("status", "completed"),
]


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or case.meta.generation.mode.is_positive:
        query = case.query or {}
        # Only a server can make a cursor that is valid.
        query.pop("cursor", None)
        for names in EXCLUSIVE:
            for name in [name for name in names if name in query][:-1]:
                del query[name]
        # The greatest page depends on the limit. This is that of the default limit.
        if "page" in query:
            query["page"] = min(int(query["page"]), 101)
    # The links that schemathesis infers put the id of a task, a number, into this header.
    for name in case.headers or {}:
        case.headers[name] = str(case.headers[name])
