"""Makes this folder another DC of a domain that runs, through Samba's own Python API.

Reads one JSON document on standard input, so that no password is ever an argument of a process. Runs inside
the lab root, before the new DC is started for the first time. Everything lands below /lab/dc.
"""

import json
import sys

import samba
from samba.netcmd.main import samba_tool

want = json.load(sys.stdin)
# Samba leaves loopback addresses out, and would register none: the first DC could then never pull from here.
samba.interface_ips = lambda *args: [want["address"]]
status = samba_tool(
    "domain", "join", want["domain"], want["role"], "-U", want["user"], "--password=" + want["password"],
    "--server=" + want["server"], "--dns-backend=SAMBA_INTERNAL", "--targetdir=/lab/dc",
    "--configfile=/lab/etc/smb.conf", "--option=netbios name=" + want["host"],
    "--option=interfaces=" + want["address"] + "/8", "--option=bind interfaces only=yes",
    "--option=dns forwarder=", "--option=server role=active directory domain controller")
if status:
    sys.exit("samba-tool domain join: status %s" % status)
