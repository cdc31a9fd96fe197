// Package contract is the contract suite: every operation on every kind of account, under the policies and with
// the rights that real directories have, carried out by the agent's own code against a real domain controller.
//
// Each row says what must come out: the answer, its event, and what the directory holds afterwards (which password
// opens, pwdLastSet, lockout, badPwdCount), and where that expectation comes from. The requests are sealed and
// signed as the server sends them; what the directory holds is read and tried out by an administrator. What the
// rows gave is docs/reference/contract.md: go test ./test/contract -update writes it, and without -update the page
// must equal what ran.
//
// With LAB_SAMBA naming a Samba without the policy-hints control the same rows run, and every reset that would
// have reached the controller must be refused instead; the page stays as it is.
package contract
