package awsread

import (
	"cmp"
	"fmt"
	"io"
	"net/http"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// mostBody is how many bytes the body of an answer may have. AWS's have less
// than a tenth of that, and decoding takes several times as much memory.
const mostBody = 1 << 20

// mostBodies are the bounds of operations whose answers may be larger.
var mostBodies = map[string]int64{
	"DescribeUserPool": 2 << 20,  // its templates of e-mails have 20,000 characters each
	"ListMetrics":      4 << 20,  // 500 metrics, each with up to 30 dimensions
	"GetMetricData":    8 << 20,  // 100,800 points
	"LookupEvents":     16 << 20, // 50 events of up to 256 KB
}

// boundedClient breaks off the answers that are larger than AWS's can be.
type boundedClient struct{ HTTPClient }

// Do implements [HTTPClient].
func (c boundedClient) Do(r *http.Request) (*http.Response, error) {
	response, err := c.HTTPClient.Do(r)
	if err == nil && response.Body != nil {
		most := cmp.Or(mostBodies[awsmiddleware.GetOperationName(r.Context())], mostBody)
		response.Body = &boundedBody{ReadCloser: response.Body, most: most, left: most}
	}
	return response, err
}

// boundedBody is a body of which not more is read than is allowed.
type boundedBody struct {
	io.ReadCloser
	most, left int64 // bytes
}

// Read implements [io.Reader].
func (b *boundedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) <= b.left {
		b.left -= int64(n)
		return n, err
	}
	n, b.left = int(b.left), 0
	return n, &ownError{inventory.Invalid, fmt.Sprintf("malformed response: it is larger than %d bytes, the most that is read", b.most), remedy(inventory.Invalid)}
}
