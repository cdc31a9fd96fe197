"""Adds many ordinary people, and groups of them, to the running lab domain, beside the DC.

Reads one JSON document on standard input.
"""

import json
import os
import sys
import time

import ldb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

# DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID: unicodePwd is the NT hash as it is, which saves the Kerberos keys.
CONTROLS = ["local_oid:1.3.6.1.4.1.7165.4.3.12:0", "relax:0"]
BATCH = 1000  # one transaction; much larger ones get slow

want = json.load(sys.stdin)
lp = LoadParm()
lp.load("/lab/etc/smb.conf")
db = SamDB(url=want["database"], session_info=system_session(), lp=lp)
dated = str(int((time.time() - want["age_days"] * 86400 + 11644473600) * 10_000_000))
nt_hash = os.urandom(16)


def person(i):
    return "CN=crowd-%05d,%s" % (i, want["ous"][i % len(want["ous"])])


for start in range(1, want["count"] + 1, BATCH):
    db.transaction_start()
    for i in range(start, min(start + BATCH, want["count"] + 1)):
        name = "crowd-%05d" % i
        db.add({
            "dn": person(i), "objectClass": "user", "sAMAccountName": name,
            "userPrincipalName": "%s@%s" % (name, want["upn_suffix"]), "displayName": "Crowd %05d" % i,
            "givenName": "Crowd", "sn": "%05d" % i, "title": "Member", "department": "Department %d" % (i % 40),
            "telephoneNumber": "+1 555 %07d" % i, "employeeID": str(i), "physicalDeliveryOfficeName": "Room %d" % (i % 900),
            "proxyAddresses": ["SMTP:%s@%s" % (name, want["upn_suffix"]), "smtp:%s@mail.example" % name],
            "mail": name + "@mail.example", "userAccountControl": "512", "unicodePwd": nt_hash, "pwdLastSet": dated,
        }, CONTROLS)
    db.transaction_commit()
for start in range(1, want["groups"] + 1, 100):
    db.transaction_start()
    for g in range(start, min(start + 100, want["groups"] + 1)):
        # Neighbouring groups overlap by half.
        first = (g - 1) * want["members"] // 2
        db.add({
            "dn": "CN=crowd-group-%04d,%s" % (g, want["ous"][g % len(want["ous"])]), "objectClass": "group",
            "sAMAccountName": "crowd-group-%04d" % g,
            "member": [person((first + i) % want["among"] + 1) for i in range(want["members"])],
        })
    db.transaction_commit()
