"""Reads a dashboard as Grafana's own library does, and prints what the library has understood, as JSON.

The library knows the members of dashboards, and of the panels and queries of Grafana's plugins. It drops every other member.
"""

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

register_default_plugins()
with open(sys.argv[1], encoding="utf-8") as file:
    dashboard = Dashboard.from_json(json.load(file))
json.dump(dashboard, sys.stdout, cls=JSONEncoder)
