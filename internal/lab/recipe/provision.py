"""Provisions the lab domain and fills it, offline, through Samba's own Python API.

Reads one JSON document on standard input (so that no password is ever an argument of a process) and writes
the objectGUID of every person to /lab/guids.json (samba-tool owns standard output). Runs inside the lab
root, before the DC is started for the first time. Everything else lands below /lab/dc.
"""

import json
import re
import sys
import time

import ldb
import samba.provision
from samba import sd_utils
from samba.auth import system_session
from samba.dcerpc import misc, security
from samba.ndr import ndr_pack, ndr_unpack
from samba.netcmd.main import samba_tool
from samba.param import LoadParm
from samba.samdb import SamDB

TARGET = "/lab/dc"
# DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID: lets pwdLastSet take a date, which LDAP never allows (0 or -1 only).
RAW_PASSWORD_FIELDS = ["local_oid:1.3.6.1.4.1.7165.4.3.12:0", "relax:0"]
MINUTE = 600_000_000  # in 100 ns
DAY = 24 * 60 * MINUTE


def filetime(seconds):
    """FILETIME, [MS-DTYP] 2.3.3."""
    return int((seconds + 11644473600) * 10_000_000)


def provision(want):
    # No file server runs in the lab, so nobody reads the access lists of sysvol; setting them would need
    # smbd's modules and a file system with extended attributes.
    samba.provision.setsysvolacl = lambda *args, **kwargs: None
    status = samba_tool(
        "domain", "provision",
        "--realm=" + want["realm"], "--domain=" + want["netbios"], "--host-name=" + want["host"],
        "--host-ip=" + want["address"], "--server-role=dc", "--dns-backend=SAMBA_INTERNAL",
        "--adminpass=" + want["admin_password"], "--use-rfc2307", "--targetdir=" + TARGET,
        "--backend-store=" + want["backend_store"], "--backend-store-size=" + want["backend_store_size"],
        "--option=interfaces=" + want["address"] + "/8", "--option=bind interfaces only=yes",
        # Otherwise the host's resolver is copied, and a foreign name can block the DNS task for seconds.
        "--option=dns forwarder=", "--quiet")
    if status:
        sys.exit("samba-tool domain provision: status %s" % status)


def open_directory():
    lp = LoadParm()
    lp.load(TARGET + "/etc/smb.conf")
    return SamDB(url=TARGET + "/private/sam.ldb", session_info=system_session(), lp=lp)


def change(db, dn, controls=None, **values):
    msg = ldb.Message(dn if isinstance(dn, ldb.Dn) else ldb.Dn(db, dn))
    for name, value in values.items():
        name = name.replace("_", "-")
        msg[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
    db.modify(msg, controls or [])


def set_policy(db, policy):
    change(db, db.domain_dn(),
           minPwdLength=str(policy["min_length"]), pwdHistoryLength=str(policy["history"]), pwdProperties="1",
           minPwdAge=str(-policy["min_age_minutes"] * MINUTE), maxPwdAge=str(-policy["max_age_days"] * DAY),
           lockoutThreshold=str(policy["lockout_threshold"]),
           lockoutDuration=str(-policy["lockout_minutes"] * MINUTE),
           lockOutObservationWindow=str(-policy["lockout_minutes"] * MINUTE))


def add_person(db, p):
    msg = {"dn": p["dn"], "objectClass": "user", "userAccountControl": str(p["uac"]),
           "unicodePwd": ('"%s"' % p["password"]).encode("utf-16-le")}
    for name in ("sAMAccountName", "userPrincipalName", "displayName", "givenName", "sn", "mail"):
        if p.get(name):
            msg[name] = p[name]
    db.add(msg)


def set_password_date(db, p):
    when = 0 if p["must_change"] else filetime(time.time() - p["password_age_days"] * 86400)
    change(db, p["dn"], RAW_PASSWORD_FIELDS, pwdLastSet=str(when))


def sid_of(db, dn):
    found = db.search(base=dn, scope=ldb.SCOPE_BASE, attrs=["objectSid"])
    return str(ndr_unpack(security.dom_sid, found[0]["objectSid"][0]))


def guid_of(db, dn):
    found = db.search(base=dn, scope=ldb.SCOPE_BASE, attrs=["objectGUID"])
    return str(ndr_unpack(misc.GUID, found[0]["objectGUID"][0]))


def delegate(db, service, grants):
    sid = sid_of(db, service)
    for grant in grants:
        # Deleted Objects is itself deleted, as far as a search goes.
        sd_utils.SDUtils(db).dacl_prepend_aces(
            grant["dn"], "".join(grant["aces"]).replace("$S", sid), ["show_deleted:1", "sd_flags:1:4"])


def add_pso(db, pso):
    container = "CN=Password Settings Container,CN=System," + db.domain_dn()
    db.add({
        "dn": "CN=%s,%s" % (pso["name"], container), "objectClass": "msDS-PasswordSettings",
        "msDS-PasswordSettingsPrecedence": "10", "msDS-PasswordReversibleEncryptionEnabled": "FALSE",
        "msDS-PasswordHistoryLength": str(pso["history"]), "msDS-PasswordComplexityEnabled": "TRUE",
        "msDS-MinimumPasswordLength": str(pso["min_length"]),
        "msDS-MinimumPasswordAge": str(-pso["min_age_minutes"] * MINUTE),
        "msDS-MaximumPasswordAge": str(-pso["max_age_days"] * DAY),
        "msDS-LockoutThreshold": str(pso["lockout_threshold"]),
        "msDS-LockoutDuration": str(-pso["lockout_minutes"] * MINUTE),
        "msDS-LockoutObservationWindow": str(-pso["lockout_minutes"] * MINUTE),
        "msDS-PSOAppliesTo": pso["applies_to"]})


def descriptor(db, dn):
    found = db.search(base=dn, scope=ldb.SCOPE_BASE, attrs=["nTSecurityDescriptor"], controls=["sd_flags:1:4"])
    return ndr_unpack(security.descriptor, found[0]["nTSecurityDescriptor"][0])


def write_protected(db, dn, sd):
    sd.type |= security.SEC_DESC_DACL_PROTECTED
    change(db, dn, ["sd_flags:1:4"], nTSecurityDescriptor=ndr_pack(sd))


def protect(db, dn):
    """What SDProp does in Active Directory ([MS-ADTS] 3.1.1.6.1); Samba has no SDProp."""
    write_protected(db, dn, descriptor(db, "CN=AdminSDHolder,CN=System," + db.domain_dn()))
    change(db, dn, adminCount="1")
    group = ldb.Message(ldb.Dn(db, "CN=Domain Admins,CN=Users," + db.domain_dn()))
    group["member"] = ldb.MessageElement(dn, ldb.FLAG_MOD_ADD, "member")
    db.modify(group)


def cut_inheritance(db, dn):
    domain = security.dom_sid(db.get_domain_sid())
    aces = re.findall(r"\([^)]*\)", descriptor(db, dn).as_sddl(domain))
    own = [ace for ace in aces if "ID" not in ace.split(";")[1]]
    write_protected(db, dn, security.descriptor.from_sddl("D:" + "".join(own), domain))


def register_names(db, want):
    """What Samba's samba_spnupdate would do, from its own list. Other DCs find this one by these names."""
    host, domain = want["host"], want["realm"].lower()
    full, guid = host + "." + domain, db.get_ntds_GUID()
    found = db.search(base=db.get_serverName(), scope=ldb.SCOPE_BASE, attrs=["serverReference"])
    computer = ldb.Message(ldb.Dn(db, str(found[0]["serverReference"])))
    computer["servicePrincipalName"] = ldb.MessageElement([
        "HOST/%s/%s" % (full, want["netbios"]), "ldap/%s/%s" % (full, want["netbios"]),
        "GC/%s/%s" % (full, domain), "ldap/" + full, "HOST/%s/%s" % (full, domain), "ldap/%s/%s" % (full, domain),
        "E3514235-4B06-11D1-AB04-00C04FC2DCD2/%s/%s" % (guid, domain), "ldap/%s._msdcs.%s" % (guid, domain),
        "ldap/" + host, "RestrictedKrbHost/" + host, "RestrictedKrbHost/" + full,
    ], ldb.FLAG_MOD_ADD, "servicePrincipalName")
    db.modify(computer)


def main():
    want = json.load(sys.stdin)
    provision(want)
    db = open_directory()
    register_names(db, want)
    set_policy(db, want["policy"])
    partitions = "CN=Partitions," + str(db.get_config_basedn())
    change(db, partitions, uPNSuffixes=want["upn_suffix"])
    for ou in want["ous"]:
        db.add({"dn": ou, "objectClass": "organizationalUnit"})
    people = [want["service"]] + want["people"]
    for p in people:
        add_person(db, p)
    for pso in want["psos"]:
        add_pso(db, pso)
    for p in people:
        set_password_date(db, p)
    delegate(db, want["service"]["dn"], want["grants"])
    for p in people:
        if p["protected"]:
            protect(db, p["dn"])
        if p["inheritance_cut"]:
            cut_inheritance(db, p["dn"])
    with open("/lab/guids.json", "w", encoding="utf-8") as out:
        json.dump({p["sAMAccountName"]: guid_of(db, p["dn"]) for p in people}, out)


main()
