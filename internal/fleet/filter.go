package fleet

import (
	"slices"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Filter picks accounts of the organization. What is empty picks none.
type Filter struct {
	IDs   []string
	Names func(string) bool // nil without patterns
	Units []string          // IDs, or paths such as Workloads/Prod; with everything below
	Tags  []string          // KEY, or KEY=VALUE
}

// kinds are what a filter looks at, by their name in the configuration.
var kinds = []struct {
	name string
	used func(*Filter) bool
	fits func(*Filter, *inventory.OrganizationAccount) bool
}{
	{
		"ids", func(f *Filter) bool { return len(f.IDs) > 0 },
		func(f *Filter, a *inventory.OrganizationAccount) bool { return slices.Contains(f.IDs, a.ID) },
	},
	{
		"names", func(f *Filter) bool { return f.Names != nil },
		func(f *Filter, a *inventory.OrganizationAccount) bool { return f.Names(a.Name) },
	},
	{
		"ous", func(f *Filter) bool { return len(f.Units) > 0 },
		func(f *Filter, a *inventory.OrganizationAccount) bool { return slices.ContainsFunc(f.Units, a.Within) },
	},
	{
		"tags", func(f *Filter) bool { return len(f.Tags) > 0 },
		func(f *Filter, a *inventory.OrganizationAccount) bool {
			return slices.ContainsFunc(f.Tags, func(tag string) bool { return tagged(a, tag) })
		},
	},
}

// tagged reports whether the account has the tag, written KEY or KEY=VALUE.
func tagged(a *inventory.OrganizationAccount, tag string) bool {
	key, want, exact := strings.Cut(tag, "=")
	value, ok := a.Tags[key]
	return ok && (!exact || value == want)
}

// excluded returns why the filters keep the account out, empty when they do not.
// It has to fit every kind of filter that include has, and none of exclude.
func excluded(a *inventory.OrganizationAccount, include, exclude *Filter) string {
	for _, k := range kinds {
		if k.used(exclude) && k.fits(exclude, a) {
			return "organization.exclude." + k.name + " has it"
		}
	}
	for _, k := range kinds {
		if k.used(include) && !k.fits(include, a) {
			return "organization.include." + k.name + " does not have it"
		}
	}
	return ""
}
