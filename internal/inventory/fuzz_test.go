package inventory

import (
	"slices"
	"strings"
	"testing"
)

// FuzzSourceARN takes apart what people write as SourceArn: what is taken apart
// is what was put together.
func FuzzSourceARN(f *testing.F) {
	for _, seed := range []string{
		"arn:aws:ses:eu-west-1:111122223333:identity/example.com", "arn:aws-cn:ses:cn-north-1:111122223333:identity/a@b.example",
		"arn:aws:ses:*:111122223333:identity/example.com", "arn:aws:ses:::identity/", "arn:aws:ses:a:b:identity/c/d:e", "identity/x", "",
	} {
		f.Add(seed, "Example <noreply@example.com>")
	}
	f.Fuzz(func(t *testing.T, arn, from string) {
		ref, ok := ParseSourceARN(arn)
		if !ok {
			if ref != (IdentityRef{}) {
				t.Errorf("%q: %+v of what is not one", arn, ref)
			}
		} else if got := "arn:" + ref.Partition + ":ses:" + ref.Region + ":" + ref.AccountID + ":identity/" + ref.Name; got != arn {
			t.Errorf("%q: put together again %q", arn, got)
		}
		s := NewSender(Key{AccountID: "111122223333", Region: "eu-west-1"}, EmailConfiguration{Mode: ModeDeveloper, SourceARN: arn, From: from})
		for _, region := range s.Regions {
			if region == "" {
				t.Errorf("%q: regions %q", arn, s.Regions)
			}
		}
	})
}

// FuzzAddress has anything as From: an address belongs to the identity of its
// own name and of its domain, and to nothing else of another domain.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"a@example.com", "A <a+b@Sub.Example.com>", "<>", "@", "a@", "<a@b", "\"a <b>\" <c@d.example>", "ü@ü.example", "a@b@c.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, from string) {
		address := Address(from)
		local, domain, ok := cutAddress(address)
		if ok && local+"@"+domain != address {
			t.Errorf("%q: %q and %q", address, local, domain)
		}
		covering := CoveringIdentities(address)
		if len(covering) == 0 || covering[0] != CanonicalIdentity(address) {
			t.Errorf("%q is not covered by itself: %q", address, covering)
		}
		if ok != Covers(address, from) {
			t.Errorf("%q: an address is %v, covered by itself %v", from, ok, !ok)
		}
		if ok && !slices.Contains(covering, strings.ToLower(domain)) {
			t.Errorf("%q is not covered by its domain: %q", address, covering)
		}
		for _, c := range covering {
			if CanonicalIdentity(c) != c {
				t.Errorf("%q: %q is not canonical", address, c)
			}
			if _, d, isAddress := cutAddress(c); ok && !isAddress && c != strings.ToLower(domain) && !strings.HasSuffix(strings.ToLower(domain), "."+c) || isAddress && !strings.EqualFold(d, domain) {
				t.Errorf("%q of another domain covers %q", c, address)
			}
		}
	})
}
