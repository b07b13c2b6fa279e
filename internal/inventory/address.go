package inventory

import (
	"slices"
	"strings"
)

// CanonicalIdentity returns the form under which SES compares identities: a
// domain in lower case, an address as it is. SES tells apart addresses that
// differ only in case, that of their domain included.
func CanonicalIdentity(name string) string {
	if _, _, ok := cutAddress(name); ok {
		return name
	}
	return strings.ToLower(name)
}

// CoveringIdentities returns, most specific first, the canonical identities
// any of which lets SES send as the address or domain: itself, for an address
// with a label the address without it, its domain and that domain's parents.
func CoveringIdentities(name string) []string {
	covering := []string{CanonicalIdentity(name)}
	domain := covering[0]
	if local, d, ok := cutAddress(name); ok {
		domain = strings.ToLower(d)
		if user, _, labelled := strings.Cut(local, "+"); labelled && user != "" {
			covering = append(covering, user+"@"+d)
		}
		covering = append(covering, domain)
	}
	for {
		_, parent, ok := strings.Cut(domain, ".")
		if !ok || !strings.Contains(parent, ".") {
			return covering
		}
		covering = append(covering, parent)
		domain = parent
	}
}

// Covers reports whether mail from the From value, an address or
// "Name <address>", may be sent as identity.
func Covers(identity, from string) bool {
	address := Address(from)
	if _, _, ok := cutAddress(address); !ok {
		return false
	}
	return slices.Contains(CoveringIdentities(address), CanonicalIdentity(identity))
}

// Address returns the bare address of a From value such as
// "Example <noreply@example.com>". Display names are taken as they come, since
// SES accepts some that RFC 5322 wants quoted.
func Address(from string) string {
	from = strings.TrimSpace(from)
	if rest, ok := strings.CutSuffix(from, ">"); ok {
		if i := strings.LastIndexByte(rest, '<'); i >= 0 {
			return strings.TrimSpace(rest[i+1:])
		}
	}
	return from
}

// cutAddress splits an address at its last at sign; ok is false for a domain.
func cutAddress(address string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(address, '@')
	if i <= 0 || i == len(address)-1 {
		return "", "", false
	}
	return address[:i], address[i+1:], true
}
