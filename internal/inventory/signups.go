package inventory

import (
	"slices"
	"time"
)

// AdminClient is the client under which CloudWatch counts the users that an
// administrator created.
const AdminClient = "Admin"

// Point is a number of e-mails that were sent at a time.
type Point struct {
	At time.Time
	N  float64
}

func comparePoints(a, b Point) int { return a.At.Compare(b.At) }

func total(points []Point) (n float64) {
	for _, p := range points {
		n += p.N
	}
	return n
}

// SignUps is what CloudWatch counted since a day of the default quota began
// (AWS/Cognito SignUpSuccesses).
type SignUps struct {
	WindowStart time.Time
	Confirmed   time.Time // when everything was last read up to then
	// Every is how far apart the listings are while there are no sign-ups. What
	// they say outlives its confirmation by as much. Zero while there are.
	Every time.Duration
	// Ended says that this is too old for a count. What was sent was sent all
	// the same.
	Ended  bool
	Pools  []string // IDs of the pools that it is about, sorted: those without series had no sign-ups
	Series []SignUpSeries
}

// SignUpSeries is one metric of CloudWatch.
type SignUpSeries struct {
	PoolID, ClientID string
	Through          time.Time // how far it was read
	Points           []Point   // in periods of five minutes, sorted by time
}

// signUpPeriod is how far apart the points are.
const signUpPeriod = 5 * time.Minute

// mailsSignUps reports whether each sign-up that CloudWatch counts for the client
// sent an e-mail through the built-in sender: not those by an administrator, who
// may suppress it or choose SMS, nor those that a Lambda function may confirm,
// nor where a phone number is verified first.
func (s *Settings) mailsSignUps(client string) bool {
	return s.SendsDefault() && client != AdminClient && slices.Equal(s.AutoVerified, []string{"email"}) && !s.PreSignUp
}

// CountsSignUps reports whether the sign-ups that CloudWatch counts for the
// client may each have sent an e-mail through the built-in sender.
func (s *Settings) CountsSignUps(client string) bool {
	return s.SendsDefault() && (client == AdminClient || slices.Contains(s.AutoVerified, "email"))
}
