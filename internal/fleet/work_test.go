package fleet

import (
	"log/slog"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestWork counts what is asked, once all has been found.
func TestWork(t *testing.T) {
	both := map[string][]string{"1": {"us-east-1", "eu-west-1", "eu-new-9"}, "2": {"us-east-1"}, "111122223333": {"us-east-1"}}
	accounts := append(active("1", "2"), *shop(), inventory.OrganizationAccount{ID: "5", State: "SUSPENDED"})
	auto := organization(Regions{Auto: true})
	all := organization(Regions{})
	shown := organization(Regions{Auto: true})
	shown.Units, shown.Tags = true, []string{"team"}
	for _, tt := range []struct {
		name string
		conf Config
		want Work
	}{
		{"searched", Config{Organization: auto}, Work{Accounts: 4, Active: 3, Asked: 3, Searched: 4}},
		{"all regions", Config{Organization: all}, Work{Accounts: 4, Active: 3, Asked: 3}},
		{"units and tags", Config{Organization: shown}, Work{Accounts: 4, Active: 3, Units: 3, Tags: true, Asked: 3, Searched: 4}},
		{"one has its regions", Config{Organization: auto, Accounts: []Account{{ID: "1", Regions: Regions{Listed: []string{"eu-west-1"}}}}}, Work{Accounts: 4, Active: 3, Asked: 2, Searched: 2}},
		{"no organization", Config{Accounts: []Account{{ID: "1", Regions: Regions{Auto: true}}}}, Work{Asked: 1, Searched: 2}},
	} {
		f := New(Options{Source: &world{accounts: accounts, on: both}, Logger: slog.New(slog.DiscardHandler), Changed: func() {}})
		f.o.Changed = f.Announced
		tt.conf.IdleInterval = 24 * time.Hour
		f.Configure(tt.conf)
		f.Announced()
		if err := f.Once(t.Context()); err != nil && tt.conf.Organization != nil {
			t.Fatal(err)
		}
		if got := f.Work(); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
