package main

import (
	"strconv"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

func TestShards(t *testing.T) {
	var all []inventory.Target
	for a := range 300 {
		for _, region := range []string{"eu-west-1", "us-east-1"} {
			all = append(all, inventory.Target{AccountID: strconv.Itoa(100000000001 + a), Region: region})
		}
	}
	owner := map[string]int{}
	total := 0
	for i := range 3 {
		own := (shard{i, 3}).targets(all)
		if len(own) < 120 || len(own) > 280 {
			t.Errorf("shard %d of 3 has %d of %d targets", i, len(own), len(all))
		}
		total += len(own)
		for _, target := range own {
			if before, ok := owner[target.AccountID]; ok && before != i {
				t.Errorf("account %s is in two shards", target.AccountID)
			}
			owner[target.AccountID] = i
		}
	}
	if total != len(all) {
		t.Errorf("%d of %d targets are in a shard", total, len(all))
	}
	if s, err := parseShard(""); err != nil || len(s.targets(all)) != len(all) {
		t.Errorf("without --shard: %v, %v", s, err)
	}
	for _, wrong := range []string{"1", "3/3", "-1/3", "a/b", "0/0", "1/2/3"} {
		if _, err := parseShard(wrong); err == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
}
