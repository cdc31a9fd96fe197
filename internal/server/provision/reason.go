package provision

import "homeward/internal/protocol"

// Reasons the server finds. Agents' faults are in package protocol. Stored: never rename one.
const (
	UPNTaken         protocol.Reason = "upn_taken"
	AddressTaken     protocol.Reason = "address_taken"
	AddressDropped   protocol.Reason = "address_dropped"
	MatchExisting    protocol.Reason = "match_existing"
	AnchorTaken      protocol.Reason = "anchor_taken"
	AnchorChanged    protocol.Reason = "anchor_changed"
	HardMatchRole    protocol.Reason = "hard_match_role"
	HardMatchBlocked protocol.Reason = "hard_match_blocked"
	SoftMatchRole    protocol.Reason = "admin_role"
	SoftMatchAnchor  protocol.Reason = "soft_match_anchor"
	SoftMatchBlocked protocol.Reason = "soft_match_blocked"
	SoftMatchAsk     protocol.Reason = "soft_match"
	NoRoutableName   protocol.Reason = "no_routable_name"
	OtherDomain      protocol.Reason = "other_domain"
	RoleMoves        protocol.Reason = "role_moves"
	BadObject        protocol.Reason = "bad_object"
)

// Explanation is what a reason means, what to do and which decisions end it.
type Explanation struct {
	Meaning string
	Remedy  string
	Choices []Choice
	// Whole: the object isn't applied at all while the problem lasts.
	Whole bool
}

// Explain returns the explanation of a reason. An unknown one has an explanation too, and is not known.
func Explain(r protocol.Reason) (x Explanation, known bool) {
	if x, known = explanations()[r]; known {
		return x, true
	}
	return Explanation{Meaning: "The object has a problem this build doesn't know.", Remedy: "Update the server.", Choices: []Choice{ChooseIgnore}}, false
}

// Reasons lists every reason that has an explanation.
func Reasons() []protocol.Reason {
	var all []protocol.Reason
	for r := range explanations() {
		all = append(all, r)
	}
	return all
}

//nolint:funlen // one table
func explanations() map[protocol.Reason]Explanation {
	ignore := []Choice{ChooseIgnore}
	return map[protocol.Reason]Explanation{
		UPNTaken: {
			Meaning: "Two accounts use the same sign-in name. The first keeps it, and neither can reset a password until you decide.",
			Remedy:  "Give one of them another userPrincipalName in the directory, or decide here who keeps the name.",
			Choices: []Choice{ChooseThis, ChooseThat, ChooseIgnore},
		},
		AddressTaken: {
			Meaning: "Two accounts have the same primary mail address. The first keeps it, and neither can reset a password until you decide.",
			Remedy:  "Remove the address from proxyAddresses of one of them, or decide here who keeps it.",
			Choices: []Choice{ChooseThis, ChooseThat, ChooseIgnore},
		},
		AddressDropped: {
			Meaning: "A further mail address belongs to another account already. It was left out; everything else was taken.",
			Remedy:  "Remove the address from proxyAddresses of one of the two.",
			Choices: ignore,
		},
		MatchExisting: {
			Meaning: "A synced account changed to a name or an address that a cloud account has. Only new objects are matched, so the change was left out.",
			Remedy:  "Change the name back or choose another one, or delete the cloud account first.",
			Choices: []Choice{ChooseThat, ChooseIgnore},
		},
		AnchorTaken: {
			Meaning: "Two objects have the same source anchor, as when an account was copied with mS-DS-ConsistencyGuid. The second was left out.",
			Remedy:  "Clear mS-DS-ConsistencyGuid of the copy.",
			Choices: ignore, Whole: true,
		},
		AnchorChanged: {
			Meaning: "The source anchor of a synced account changed in the directory. It never changes here; everything else was taken.",
			Remedy:  "Set mS-DS-ConsistencyGuid back to the value it had.",
			Choices: ignore,
		},
		HardMatchRole: {
			Meaning: "InvalidHardMatch: the source anchor is that of an account with a role. Such an account is never taken over.",
			Remedy:  "Check that this is the same person, take the role away, wait for the next sync, and give the role back.",
			Choices: ignore, Whole: true,
		},
		HardMatchBlocked: {
			Meaning: "InvalidHardMatch: the source anchor is that of a cloud account, and joining by source anchor is turned off.",
			Remedy:  "Link the two here, or allow hard matches while people are being joined.",
			Choices: []Choice{ChooseLink, ChooseIgnore}, Whole: true,
		},
		SoftMatchRole: {
			Meaning: "Existing Admin Role Conflict: the address or sign-in name is that of an account with a role. Such an account is never taken over.",
			Remedy:  "If this is the same person, take the role away and link them; if not, keep them apart.",
			Choices: []Choice{ChooseApart, ChooseIgnore}, Whole: true,
		},
		SoftMatchAnchor: {
			Meaning: "InvalidSoftMatch: the address or sign-in name is that of a cloud account with another source anchor.",
			Remedy:  "Correct the source anchor of one of the two, or keep them apart.",
			Choices: []Choice{ChooseApart, ChooseIgnore}, Whole: true,
		},
		SoftMatchBlocked: {
			Meaning: "The address or sign-in name is that of a cloud account, and joining by name is turned off.",
			Remedy:  "Link the two, keep them apart, or allow soft matches while people are being joined.",
			Choices: []Choice{ChooseLink, ChooseApart, ChooseIgnore}, Whole: true,
		},
		SoftMatchAsk: {
			Meaning: "The address or sign-in name is that of a cloud account. Is this the same person?",
			Remedy:  "Link them if it is: the source anchor is then a hard match. Keep them apart if it isn't.",
			Choices: []Choice{ChooseLink, ChooseApart, ChooseIgnore}, Whole: true,
		},
		NoRoutableName: {
			Meaning: "The domain of the sign-in name isn't verified.",
			Remedy:  "Verify the domain, change the UPN suffix to a verified one, or use the mail address to sign in.",
			Choices: []Choice{ChooseMail, ChooseIgnore},
		},
		OtherDomain: {
			Meaning: "The object belongs to another domain, which still has it. Nothing was changed.",
			Remedy:  "If it was moved, wait until the other domain's agent has synced; if not, look at who enrolled this agent.",
			Choices: ignore, Whole: true,
		},
		RoleMoves: {
			Meaning: "The object is that of an account with a role and comes from another domain now. Such an account is never moved unasked.",
			Remedy:  "Check that it was moved, take the role away, wait for the next sync, and give the role back.",
			Choices: ignore, Whole: true,
		},
		BadObject: {
			Meaning: "The object has no valid object id, source anchor or account name, or the database doesn't take it.", Remedy: "Look at the object in the directory; update the agent.",
			Choices: ignore, Whole: true,
		},
		protocol.FaultNoName: {
			Meaning: "The object has no sAMAccountName.", Remedy: "Give it one.", Choices: ignore, Whole: true,
		},
		protocol.FaultNoUPN: {
			Meaning: "The attribute that the sign-in name comes from is empty. The person can sign in as DOMAIN\\name only.",
			Remedy:  "Set the attribute, or choose another one in the agent's configuration.", Choices: ignore,
		},
		protocol.FaultText: {
			Meaning: "An attribute isn't valid text.", Remedy: "Write the attribute again.", Choices: ignore,
		},
		protocol.FaultLong: {
			Meaning: "An attribute is too long and was left out.", Remedy: "Shorten it.", Choices: ignore,
		},
		protocol.FaultMany: {
			Meaning: "An attribute has too many values; the first ones were taken.", Remedy: "Remove some.", Choices: ignore,
		},
		protocol.FaultAnchor: {
			Meaning: "mS-DS-ConsistencyGuid isn't 16 bytes long.", Remedy: "Clear it; the agent writes it anew.", Choices: ignore, Whole: true,
		},
		protocol.FaultAddress: {
			Meaning: "One of proxyAddresses is no mail address and was left out.", Remedy: "Correct or remove it.", Choices: ignore,
		},
		protocol.FaultUnreadable: {
			Meaning: "The object couldn't be read.", Remedy: "Check the service account's rights on it with doctor.", Choices: ignore, Whole: true,
		},
	}
}
