package inventory

import (
	"slices"
	"testing"
)

func TestRegions(t *testing.T) {
	for region, want := range map[string]struct {
		ses, optIn bool
		partition  string
		split      []string
	}{
		"eu-west-1":      {true, false, "aws", []string{"eu-west-1"}},
		"ap-east-1":      {false, true, "aws", []string{"ap-southeast-1", "ap-northeast-1"}},
		"me-central-1":   {true, true, "aws", []string{"eu-central-1", "eu-west-2"}},
		"us-gov-west-1":  {true, false, "aws-us-gov", []string{"us-gov-west-1"}},
		"eusc-de-east-1": {true, false, "aws-eusc", []string{"eusc-de-east-1"}},
		"cn-north-1":     {true, false, "aws-cn", []string{"cn-north-1"}},
		"xx-new-9":       {true, true, "aws", []string{"xx-new-9"}},
	} {
		if HasSES(region) != want.ses || OptIn(region) != want.optIn || Partition(region) != want.partition || !slices.Equal(splitRegions(region), want.split) {
			t.Errorf("%s: SES %v, opt-in %v, partition %s, split %v", region, HasSES(region), OptIn(region), Partition(region), splitRegions(region))
		}
	}
	for partition, want := range map[string]bool{"aws": true, "aws-us-gov": true, "aws-eusc": true, "aws-cn": false} {
		if HasPools(partition) != want {
			t.Errorf("%s has pools: %v", partition, !want)
		}
	}
	if known := KnownRegions(); !slices.IsSorted(known) || !slices.Contains(known, "eu-west-1") {
		t.Errorf("known regions %v", known)
	}
}

func TestMayUse(t *testing.T) {
	for _, tt := range []struct {
		pool, ses  string
		mode       Mode
		everywhere bool
		want       Tri
	}{
		{"eu-west-1", "eu-west-1", ModeDeveloper, false, Yes},
		{"eu-central-1", "us-west-2", ModeDeveloper, false, Yes},
		{"eu-central-1", "us-west-2", ModeDefault, false, Yes},
		{"eu-central-1", "us-west-2", ModeUnknown, false, Yes},
		{"eu-central-1", "eu-west-3", ModeDeveloper, false, No},
		{"eu-central-1", "eu-west-3", ModeUnknown, false, No},
		{"eu-north-1", "eu-west-1", ModeDefault, false, No},
		{"eu-north-1", "eu-north-1", ModeDefault, false, Yes},
		{"ca-west-1", "ca-central-1", ModeDeveloper, false, Yes},
		{"ca-west-1", "us-west-1", ModeDeveloper, false, No},
		{"ca-west-1", "ca-central-1", ModeDefault, true, Yes},
		{"ca-west-1", "us-west-1", ModeDefault, true, Yes},
		{"ca-west-1", "ca-central-1", ModeDefault, false, No}, // It has to name every region.
		{"ca-west-1", "us-west-1", ModeDefault, false, No},
		{"ca-west-1", "eu-west-1", ModeDefault, false, No},
		{"ca-west-1", "ca-central-1", ModeUnknown, false, Unknown},
		{"ca-west-1", "eu-west-1", ModeUnknown, false, No},
		{"ca-west-1", "ca-west-1", ModeDeveloper, false, Unknown}, // AWS has since opened SES there.
		{"ca-west-1", "ca-west-1", ModeDefault, false, Unknown},
		{"ap-east-1", "ap-east-1", ModeDeveloper, false, No}, // There is no SES.
		{"ap-southeast-6", "ap-southeast-6", ModeDeveloper, false, Unknown},
	} {
		if got := mayUse(tt.pool, tt.ses, tt.mode, tt.everywhere); got != tt.want {
			t.Errorf("a %s pool in %s through %s, everywhere %v: %s, want %s", tt.mode, tt.pool, tt.ses, tt.everywhere, got, tt.want)
		}
	}
}

func TestSESRegions(t *testing.T) {
	for region, want := range map[string][]string{
		"eu-central-1": {"eu-central-1", "us-east-1", "us-west-2", "eu-west-1"}, "eu-west-3": {"eu-west-3"}, "eu-central-2": {"eu-central-1"}, "us-gov-west-1": nil,
	} {
		got := SESRegions(region)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", region, got, want)
		}
		if len(got) > 0 {
			if got[0] = "changed"; SESRegions(region)[0] == "changed" {
				t.Errorf("%s: the table was given away", region)
			}
		}
	}
}
