package awsread

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// tagSets keeps equal sets of tags once, of which the pools of a target have
// few: a map of its own for each pool would be a tenth of the memory. It is safe
// for concurrent use.
type tagSets struct {
	known []inventory.UserPool // whose tags may come again

	mu  sync.Mutex
	all map[string]map[string]string // nil before the first use
}

// share returns a map of the tags that must not be changed; nil without any.
func (s *tagSets) share(tags map[string]string) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]map[string]string{}
		for _, up := range s.known {
			if up.Settings != nil && up.Settings.Tags != nil {
				s.all[tagText(up.Settings.Tags)] = up.Settings.Tags
			}
		}
	}
	text := tagText(tags)
	same, ok := s.all[text]
	if !ok {
		same = make(map[string]string, len(tags))
		for key, value := range tags {
			same[shared(key)] = shared(value)
		}
		s.all[text] = same
	}
	return same
}

// tagText tells sets of tags apart.
func tagText(tags map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		b.WriteString(strconv.Quote(key) + strconv.Quote(tags[key]))
	}
	return b.String()
}
