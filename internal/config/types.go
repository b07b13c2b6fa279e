package config

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"time"
)

const redacted = "<secret>"

// Secret is text that is never shown: not in the configuration page, a log, an
// error or a dump of what holds it. Convert it to string to use it.
type Secret string

// String hides the secret.
func (Secret) String() string { return redacted }

// Format hides the secret from every verb of package fmt.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText hides the secret from YAML, JSON and slog.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Regexp is a regular expression that has to match a whole name, as those of
// Prometheus do.
type Regexp struct {
	*regexp.Regexp
	source string
}

// newRegexp compiles source. Its error says what is wrong with the source,
// without the anchors that the user did not write.
func newRegexp(source string) (Regexp, error) {
	// On its own first: the anchors' group must not pair with a stray parenthesis.
	_, err := regexp.Compile(source)
	var re *regexp.Regexp
	if err == nil {
		re, err = regexp.Compile("^(?s:" + source + ")$")
	}
	var serr *syntax.Error
	if errors.As(err, &serr) {
		return Regexp{}, errors.New(serr.Code.String())
	}
	return Regexp{Regexp: re, source: source}, err
}

// String returns the expression as it was written.
func (r Regexp) String() string { return r.source }

// MarshalText returns the expression as it was written.
func (r Regexp) MarshalText() ([]byte, error) { return []byte(r.source), nil }

// TimeOfDay is a time such as 09:00.
type TimeOfDay string

// SinceMidnight returns the time since the day began. A valid configuration
// has valid times only.
func (t TimeOfDay) SinceMidnight() time.Duration {
	d, _ := t.parse()
	return d
}

func (t TimeOfDay) parse() (time.Duration, error) {
	at, err := time.Parse("15:04", string(t))
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, err
}
