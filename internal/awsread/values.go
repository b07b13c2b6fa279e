package awsread

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// within reports whether n is a number from 0 to most, which NaN is not.
func within(n, most float64) bool { return n >= 0 && n <= most }

// counts reports whether n can be a number of things.
func counts(n float64) bool { return within(n, math.MaxFloat64) }

// plausible reports whether AWS can mean the time. The SDK makes times of the
// years 1 to 1970 of numbers that are infinite or too large.
func plausible(t time.Time) bool { return t.Year() >= 2000 && t.Year() < 2100 }

// during reports whether AWS can mean the time in an answer about the time from
// from to to: it rounds to periods of up to an hour, and clocks differ.
func during(t, from, to time.Time) bool {
	return !t.Before(from.Add(-clockSkew)) && !t.After(to.Add(clockSkew))
}

// date returns the time that AWS gives in a field, in UTC, and the zero time
// where it gives none. An error says that the time makes no sense.
func date(field string, t *time.Time) (time.Time, error) {
	switch {
	case t == nil:
		return time.Time{}, nil
	case !plausible(*t):
		return time.Time{}, fmt.Errorf("%w: %s is %s", errValue, field, t.UTC().Format(time.RFC3339))
	default:
		return *t, nil
	}
}

// keepBody has the body of a call's answer copied to kept while the SDK reads
// it: its structs do not tell a number or a bool that is null from 0 and false.
func keepBody(kept *bytes.Buffer) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		return s.Deserialize.Add(middleware.DeserializeMiddlewareFunc("KeepBody", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, md, err := next.HandleDeserialize(ctx, in)
			if response, ok := out.RawResponse.(*smithyhttp.Response); ok && err == nil {
				kept.Reset() // There may have been an attempt before.
				response.Body = struct {
					io.Reader
					io.Closer
				}{io.TeeReader(response.Body, kept), response.Body}
			}
			return out, md, err
		}), middleware.After)
	}
}
