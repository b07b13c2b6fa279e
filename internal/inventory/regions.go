package inventory

import (
	"slices"
	"strings"
)

// cognitoRegions are the regions with a cognito-idp endpoint, by the metadata
// of the AWS SDK for Go v2 of November 2026.
var cognitoRegions = []string{
	"af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
	"ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4",
	"ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1",
	"eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
	"eusc-de-east-1", "il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1",
	"us-east-1", "us-east-2", "us-gov-east-1", "us-gov-west-1", "us-west-1", "us-west-2",
}

// withoutSES are the regions that have Cognito user pools but no SES endpoint.
var withoutSES = []string{"ap-east-1"}

// defaultEnabled are the regions that no account can switch off.
var defaultEnabled = []string{
	"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
	"ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1",
	"us-east-1", "us-east-2", "us-west-1", "us-west-2",
}

// KnownRegions returns the sorted codes of all regions with user pools.
func KnownRegions() []string { return slices.Clone(cognitoRegions) }

// RegionsOf returns the sorted codes of the partition's regions with user pools.
func RegionsOf(partition string) []string {
	return slices.DeleteFunc(KnownRegions(), func(r string) bool { return Partition(r) != partition })
}

// AlwaysOn returns the sorted codes of the partition's regions with user pools
// that no account can switch off.
func AlwaysOn(partition string) []string { return slices.DeleteFunc(RegionsOf(partition), OptIn) }

// Home returns the region of the partition in which its global services are:
// no account can switch it off.
func Home(partition string) string {
	switch partition {
	case "aws-us-gov":
		return "us-gov-west-1"
	case "aws-eusc":
		return "eusc-de-east-1"
	case "aws-cn":
		return "cn-northwest-1"
	default:
		return "us-east-1"
	}
}

// HasSES reports whether SES can be asked in the region. A region that is not
// known is taken to have it.
func HasSES(region string) bool { return !slices.Contains(withoutSES, region) }

// OptIn reports whether the region can be switched off, and is so by default.
func OptIn(region string) bool {
	return Partition(region) == "aws" && !slices.Contains(defaultEnabled, region)
}

// Partition returns the AWS partition that a region belongs to.
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(region, "eusc-"):
		return "aws-eusc"
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	default:
		return "aws"
	}
}

// HasPools reports whether the partition has Cognito user pools. China has none.
func HasPools(partition string) bool { return partition != "aws-cn" }

// sesRegions says through which SES regions the pools of one region can send.
type sesRegions struct {
	allowed []string // for DEVELOPER; also for COGNITO_DEFAULT with an own FROM
	// alternate regions send through SES elsewhere; AWS has since opened SES in
	// some of them, so that an identity in the pool's own region may or may not do.
	alternate   bool
	defaultAlso string // the second region that the built-in sender splits mail to
}

func inRegion(r string) sesRegions { return sesRegions{allowed: []string{r}} }

func backwards(r string) sesRegions {
	return sesRegions{allowed: []string{r, "us-east-1", "us-west-2", "eu-west-1"}}
}

func alternate(first, second string) sesRegions {
	return sesRegions{allowed: []string{first}, alternate: true, defaultAlso: second}
}

// sesRegionTable maps a pool's region to its SES regions, from the table in
// "Email settings for Amazon Cognito user pools" of the Cognito Developer
// Guide. A region that is not in it is unknown.
var sesRegionTable = map[string]sesRegions{
	"us-east-1":      backwards("us-east-1"),
	"us-east-2":      backwards("us-east-2"),
	"us-west-1":      inRegion("us-west-1"),
	"us-west-2":      backwards("us-west-2"),
	"ca-central-1":   backwards("ca-central-1"),
	"ca-west-1":      alternate("ca-central-1", "us-west-1"),
	"mx-central-1":   alternate("us-east-1", "us-west-2"),
	"ap-northeast-1": backwards("ap-northeast-1"),
	"ap-east-1":      alternate("ap-southeast-1", "ap-northeast-1"),
	"ap-northeast-2": backwards("ap-northeast-2"),
	"ap-southeast-5": alternate("ap-southeast-2", "ap-southeast-1"),
	"ap-southeast-7": alternate("ap-southeast-1", "ap-south-1"),
	"ap-south-1":     backwards("ap-south-1"),
	"ap-south-2":     alternate("ap-south-1", "ap-southeast-1"),
	"ap-southeast-1": backwards("ap-southeast-1"),
	"ap-southeast-2": backwards("ap-southeast-2"),
	"ap-northeast-3": inRegion("ap-northeast-3"),
	"ap-southeast-3": inRegion("ap-southeast-3"),
	"ap-southeast-4": alternate("ap-southeast-2", "ap-southeast-1"),
	"eu-west-1":      backwards("eu-west-1"),
	"eu-west-2":      backwards("eu-west-2"),
	"eu-west-3":      inRegion("eu-west-3"),
	"eu-central-1":   backwards("eu-central-1"),
	"eu-central-2":   alternate("eu-central-1", "eu-west-2"),
	"eu-north-1":     inRegion("eu-north-1"),
	"eu-south-1":     inRegion("eu-south-1"),
	"eu-south-2":     alternate("eu-west-3", "eu-north-1"),
	"me-south-1":     inRegion("me-south-1"),
	"me-central-1":   alternate("eu-central-1", "eu-west-2"),
	"sa-east-1":      inRegion("sa-east-1"),
	"il-central-1":   inRegion("il-central-1"),
	"af-south-1":     inRegion("af-south-1"),
}

// SESRegions returns the SES regions that AWS lets DEVELOPER pools of the region
// send through, the one to prefer first. Empty when AWS does not say.
func SESRegions(region string) []string { return slices.Clone(sesRegionTable[region].allowed) }

// mayUse reports whether a pool in region may send through SES in ses.
// everywhere says that its SourceArn has an asterisk for the region, which the
// built-in sender demands of an own FROM in an alternate region.
func mayUse(region, ses string, mode Mode, everywhere bool) Tri {
	row, ok := sesRegionTable[region]
	if !ok || row.alternate && ses == region && HasSES(region) {
		return Unknown
	}
	if mode == ModeUnknown {
		if may := mayUse(region, ses, ModeDefault, everywhere); may == mayUse(region, ses, ModeDeveloper, everywhere) {
			return may
		}
		return Unknown
	}
	if mode == ModeDefault && row.alternate {
		return Known(everywhere && (slices.Contains(row.allowed, ses) || ses == row.defaultAlso))
	}
	return Known(slices.Contains(row.allowed, ses))
}

// splitRegions returns the SES regions that a pool's mail leaves from when its
// SourceArn names every region with an asterisk: the alternate regions of the
// pool's region, or the pool's region itself.
func splitRegions(region string) []string {
	row, ok := sesRegionTable[region]
	if !ok || !row.alternate {
		return []string{region}
	}
	return []string{row.allowed[0], row.defaultAlso}
}
