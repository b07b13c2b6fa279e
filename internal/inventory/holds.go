package inventory

import "slices"

// Holds reports whether the reason keeps the pool from mailing a person
// outside. It tells the reasons that do not hold from those that are not known
// to, which Blocked alone does not.
func (p *Pool) Holds(r Reason) Tri {
	switch {
	case slices.Contains(p.Blocked, r):
		return Yes
	case p.Settings == nil:
		return Unknown
	case p.Settings.CustomSender:
		return No
	}
	switch r {
	case IdentityMissing, IdentityUnverified, CrossAccountIdentity, UnsupportedRegion, FromMismatch:
		return p.identityHolds(r)
	case DefaultQuotaReached:
		return p.inMode(ModeDefault).And(known(p.DefaultQuota != nil))
	default:
		return p.inMode(ModeDeveloper).And(p.accountHolds(r))
	}
}

// known is No, for what is known not to hold, or Unknown.
func known(k bool) Tri {
	if k {
		return No
	}
	return Unknown
}

func (p *Pool) inMode(m Mode) Tri {
	if p.Settings.Mode == ModeUnknown {
		return Unknown
	}
	return Known(p.Settings.Mode == m)
}

// identityHolds judges a reason that is not in Blocked and lies in the SourceArn.
func (p *Pool) identityHolds(r Reason) Tri {
	if p.Settings.SourceARN == "" {
		return known(r != IdentityMissing || p.Settings.Mode != ModeUnknown)
	}
	ref, ok := ParseSourceARN(p.Settings.SourceARN)
	switch {
	case !ok:
		return Unknown
	case r == CrossAccountIdentity || r == FromMismatch:
		return No
	case ref.AccountID != p.Target.AccountID:
		return Unknown
	case r == UnsupportedRegion:
		for _, region := range identityRegions(p.Target.Region, ref.Region) {
			if mayUse(p.Target.Region, region, p.Settings.Mode) == Unknown {
				return Unknown
			}
		}
		return No
	default:
		return known(p.Verified != Unknown)
	}
}

// accountHolds judges a reason that is not in Blocked and lies in the SES account.
func (p *Pool) accountHolds(r Reason) Tri {
	switch {
	case p.SES == nil:
		return Unknown
	case r == Sandbox:
		return p.SES.Sandbox
	case r == SendingDisabled:
		return p.SES.SendingEnabled.Not()
	case r == AccountShutdown:
		return known(p.SES.Enforcement == "HEALTHY" || p.SES.Enforcement == "PROBATION")
	default:
		return known(p.SES.Quota != nil)
	}
}
