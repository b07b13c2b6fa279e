package inventory

import (
	"testing"
	"time"
)

func TestSameStatistics(t *testing.T) {
	at := time.Unix(1e9, 0)
	one := &SendStatistics{Confirmed: at, Attempts: 4, Bounces: 3, Complaints: 2, Rejects: 1}
	for name, tt := range map[string]struct {
		other *SendStatistics
		same  bool
	}{
		"later":      {&SendStatistics{Confirmed: at.Add(time.Hour), Attempts: 4, Bounces: 3, Complaints: 2, Rejects: 1}, true},
		"unknown":    {nil, false},
		"attempts":   {&SendStatistics{Confirmed: at, Attempts: 5, Bounces: 3, Complaints: 2, Rejects: 1}, false},
		"bounces":    {&SendStatistics{Confirmed: at, Attempts: 4, Bounces: 4, Complaints: 2, Rejects: 1}, false},
		"complaints": {&SendStatistics{Confirmed: at, Attempts: 4, Bounces: 3, Complaints: 3, Rejects: 1}, false},
		"rejects":    {&SendStatistics{Confirmed: at, Attempts: 4, Bounces: 3, Complaints: 2}, false},
	} {
		a, b := Reading{Statistics: one}, Reading{Statistics: tt.other}
		if a.SameFacts(&b) != tt.same || b.SameFacts(&a) != tt.same {
			t.Errorf("%s: the same is %v", name, !tt.same)
		}
	}
}
