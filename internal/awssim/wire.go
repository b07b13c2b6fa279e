package awssim

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// wire is a wire protocol of AWS.
type wire int

const (
	wireJSON  wire = iota // awsJson 1.0 and 1.1
	wireREST              // restJson1
	wireCBOR              // Smithy RPC v2 CBOR
	wireQuery             // awsQuery
	wireEC2               // ec2Query
)

// params are an operation's input, whatever the protocol it came in.
type params map[string]any

func (p params) text(key string) string {
	s, _ := p[key].(string)
	return s
}

// number returns the value of key as an integer, and whether there is one.
func (p params) number(key string) (int, bool) {
	switch v := p[key].(type) {
	case float64:
		return int(v), true
	case string:
		n, err := strconv.Atoi(v)
		return n, err == nil
	default:
		return 0, false
	}
}

func (p params) yes(key string) bool {
	b, _ := p[key].(bool)
	return b || p[key] == "true"
}

// time returns a timestamp, which protocols write in different ways.
func (p params) time(key string) (time.Time, bool) {
	switch v := p[key].(type) {
	case time.Time:
		return v, true
	case float64:
		return fromSeconds(v), true
	case string:
		t, err := time.Parse(time.RFC3339, v)
		return t, err == nil
	default:
		return time.Time{}, false
	}
}

func (p params) texts(key string) []string {
	var all []string
	list, _ := p[key].([]any)
	for _, v := range list {
		if s, ok := v.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

func (p params) objects(key string) []params {
	var all []params
	list, _ := p[key].([]any)
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

func (p params) object(key string) params {
	m, _ := p[key].(map[string]any)
	return m
}

func fromSeconds(s float64) time.Time {
	whole, part := math.Modf(s)
	return time.Unix(int64(whole), int64(math.Round(part*1000))*int64(time.Millisecond)).UTC()
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// object is an operation's output or a structure in it. Values are objects,
// lists of any, strings, numbers, bools and times.
type object = map[string]any

// awsError is an error as AWS answers it.
type awsError struct {
	code    string
	message string
	status  int
	query   string // the code in the awsQuery protocol, where it is another
}

func (e *awsError) Error() string { return e.code + ": " + e.message }

func badRequest(code, format string, args ...any) *awsError {
	return &awsError{code: code, message: fmt.Sprintf(format, args...), status: http.StatusBadRequest}
}

// route finds out what a request asks for. The service is the one that the
// request was signed for, or empty.
func route(r *http.Request, body []byte, signed string) (service, operation string, in params, w wire, err error) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/service/GraniteServiceVersion20100801/operation/"):
		in, err = decodeCBOR(body)
		return "cloudwatch", strings.TrimPrefix(r.URL.Path, "/service/GraniteServiceVersion20100801/operation/"), in, wireCBOR, err
	case r.Header.Get("X-Amz-Target") != "":
		prefix, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if i := strings.LastIndexByte(r.Header.Get("X-Amz-Target"), '.'); i >= 0 {
			prefix, operation = r.Header.Get("X-Amz-Target")[:i], r.Header.Get("X-Amz-Target")[i+1:]
		}
		in, err = decodeJSON(body)
		return jsonTargets[prefix[strings.LastIndexByte(prefix, '.')+1:]], operation, in, wireJSON, err
	case strings.HasPrefix(r.URL.Path, "/v2/email/"):
		return routeREST("sesv2", r, body)
	case signed == "account":
		return routeREST("account", r, body)
	default:
		form, err := url.ParseQuery(string(body))
		if err != nil || r.Method == http.MethodGet {
			form = r.URL.Query()
		}
		service := queryVersions[form.Get("Version")]
		w := wireQuery
		if service == "ec2" {
			w = wireEC2
		}
		return service, form.Get("Action"), decodeForm(form), w, nil
	}
}

// jsonTargets are the X-Amz-Target prefixes of the JSON services.
var jsonTargets = map[string]string{
	"AWSCognitoIdentityProviderService": "cognito-idp",
	"CloudTrail_20131101":               "cloudtrail",
	"AWSOrganizationsV20161128":         "organizations",
	"ResourceGroupsTaggingAPI_20170126": "tagging",
	"GraniteServiceVersion20100801":     "cloudwatch",
}

// queryVersions are the API versions of the Query services.
var queryVersions = map[string]string{
	"2011-06-15": "sts", "2010-05-08": "iam", "2010-08-01": "cloudwatch", "2010-12-01": "sesv2", "2016-11-15": "ec2",
}

// restRoutes are the operations of the REST services. {} stands for one
// segment, which becomes the parameter of that name.
var restRoutes = []struct{ service, method, path, operation string }{
	{"sesv2", "GET", "/v2/email/account", "GetAccount"},
	{"sesv2", "POST", "/v2/email/list-identities", "ListEmailIdentities"},
	{"sesv2", "GET", "/v2/email/identities", "ListEmailIdentities"},
	{"sesv2", "GET", "/v2/email/identities/{EmailIdentity}", "GetEmailIdentity"},
	{"sesv2", "POST", "/v2/email/list-configuration-sets", "ListConfigurationSets"},
	{"sesv2", "GET", "/v2/email/configuration-sets", "ListConfigurationSets"},
	{"sesv2", "GET", "/v2/email/configuration-sets/{ConfigurationSetName}", "GetConfigurationSet"},
	{"sesv2", "GET", "/v2/email/configuration-sets/{ConfigurationSetName}/event-destinations", "GetConfigurationSetEventDestinations"},
	{"account", "POST", "/listRegions", "ListRegions"},
	{"account", "POST", "/getRegionOptStatus", "GetRegionOptStatus"},
}

func routeREST(service string, r *http.Request, body []byte) (string, string, params, wire, error) {
	in, err := decodeJSON(body)
	if err != nil {
		return service, "", nil, wireREST, err
	}
	for key, values := range r.URL.Query() {
		in[key] = values[0]
	}
	have := strings.Split(strings.TrimSuffix(r.URL.EscapedPath(), "/"), "/")
	for _, route := range restRoutes {
		want := strings.Split(route.path, "/")
		if route.service != service || route.method != r.Method || len(want) != len(have) {
			continue
		}
		matches := true
		for i := range want {
			name, ok := strings.CutPrefix(want[i], "{")
			switch {
			case ok:
				in[strings.TrimSuffix(name, "}")], err = url.PathUnescape(have[i])
				matches = matches && err == nil
			default:
				matches = matches && want[i] == have[i]
			}
		}
		if matches {
			return service, route.operation, in, wireREST, nil
		}
	}
	return service, "", in, wireREST, nil
}

func decodeJSON(body []byte) (params, error) {
	in := params{}
	if len(bytes.TrimSpace(body)) == 0 {
		return in, nil
	}
	err := json.Unmarshal(body, &in)
	return in, err
}

// decodeForm turns a.member.1.b=v into nested lists and objects.
func decodeForm(form url.Values) params {
	root := map[string]any{}
	for key, values := range form {
		at := root
		parts := slices.DeleteFunc(strings.Split(key, "."), func(s string) bool { return s == "member" })
		for _, part := range parts[:len(parts)-1] {
			next, ok := at[part].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[part] = next
			}
			at = next
		}
		at[parts[len(parts)-1]] = values[0]
	}
	in, _ := numbered(root).(map[string]any)
	if in == nil {
		in = map[string]any{}
	}
	return in
}

// numbered turns objects with the keys 1, 2, … into lists.
func numbered(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	var list []any
	for i := 1; len(m) > 0 && m[strconv.Itoa(i)] != nil; i++ {
		list = append(list, numbered(m[strconv.Itoa(i)]))
	}
	if len(list) > 0 && len(list) == len(m) {
		return list
	}
	for key := range m {
		m[key] = numbered(m[key])
	}
	return m
}

func decodeCBOR(body []byte) (params, error) {
	if len(body) == 0 {
		return params{}, nil
	}
	v, err := cbor.Decode(body)
	if err != nil {
		return nil, err
	}
	in, ok := fromCBOR(v).(map[string]any)
	if !ok {
		return nil, errors.New("the body is not a map")
	}
	return in, nil
}

func fromCBOR(v cbor.Value) any {
	switch v := v.(type) {
	case cbor.Map:
		m := map[string]any{}
		for key, value := range v {
			m[key] = fromCBOR(value)
		}
		return m
	case cbor.List:
		list := make([]any, 0, len(v))
		for _, value := range v {
			list = append(list, fromCBOR(value))
		}
		return list
	case cbor.String:
		return string(v)
	case cbor.Bool:
		return bool(v)
	case cbor.Uint:
		return float64(v)
	case cbor.NegInt:
		return -float64(v)
	case cbor.Float32:
		return float64(v)
	case cbor.Float64:
		return float64(v)
	case *cbor.Tag:
		if t, err := cbor.AsTime(v); err == nil {
			return t
		}
	}
	return nil
}

func toCBOR(v any) cbor.Value {
	switch v := v.(type) {
	case map[string]any:
		m := cbor.Map{}
		for key, value := range v {
			m[key] = toCBOR(value)
		}
		return m
	case []any:
		list := make(cbor.List, 0, len(v))
		for _, value := range v {
			list = append(list, toCBOR(value))
		}
		return list
	case string:
		return cbor.String(v)
	case bool:
		return cbor.Bool(v)
	case int:
		if v < 0 {
			return cbor.NegInt(-v)
		}
		return cbor.Uint(v)
	case float64:
		return cbor.Float64(v)
	case time.Time:
		return &cbor.Tag{ID: 1, Value: cbor.Float64(seconds(v))}
	default:
		return &cbor.Nil{}
	}
}

// toJSON writes times as Unix seconds.
func toJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[key] = toJSON(value)
		}
		return m
	case []any:
		list := make([]any, 0, len(v))
		for _, value := range v {
			list = append(list, toJSON(value))
		}
		return list
	case time.Time:
		return seconds(v)
	default:
		return v
	}
}

// toXML writes v as the content of an element; lists repeat item.
func toXML(b *bytes.Buffer, v any, item string) {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if all, ok := v[key].(repeated); ok {
				for _, value := range all {
					element(b, key, value, item)
				}
				continue
			}
			element(b, key, v[key], item)
		}
	case []any:
		for _, value := range v {
			element(b, item, value, item)
		}
	case string:
		_ = xml.EscapeText(b, []byte(v)) // A buffer takes everything.
	case time.Time:
		b.WriteString(v.UTC().Format("2006-01-02T15:04:05Z"))
	default:
		fmt.Fprint(b, v)
	}
}

func element(b *bytes.Buffer, name string, v any, item string) {
	b.WriteString("<" + name + ">")
	toXML(b, v, item)
	b.WriteString("</" + name + ">")
}

// answer is a finished HTTP answer.
type answer struct {
	status int
	header map[string]string
	body   []byte
}

// encode writes an operation's output in the call's protocol.
func encode(c *call, out object) answer {
	a := answer{status: http.StatusOK, header: map[string]string{}}
	switch c.wire {
	case wireCBOR:
		a.header["Content-Type"], a.header["Smithy-Protocol"] = "application/cbor", "rpc-v2-cbor"
		a.body = cbor.Encode(toCBOR(out))
	case wireQuery:
		a.header["Content-Type"] = "text/xml"
		var b bytes.Buffer
		fmt.Fprintf(&b, `<%sResponse xmlns=%q><%sResult>`, c.operation, xmlNamespaces[c.service], c.operation)
		toXML(&b, out, "member")
		fmt.Fprintf(&b, `</%sResult><ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>`, c.operation, c.requestID, c.operation)
		a.body = b.Bytes()
	case wireEC2:
		a.header["Content-Type"] = "text/xml;charset=UTF-8"
		var b bytes.Buffer
		fmt.Fprintf(&b, `<%sResponse xmlns=%q><requestId>%s</requestId>`, c.operation, xmlNamespaces[c.service], c.requestID)
		toXML(&b, out, "item")
		fmt.Fprintf(&b, `</%sResponse>`, c.operation)
		a.body = b.Bytes()
	case wireREST:
		a.header["Content-Type"] = "application/json"
		a.body = mustJSON(toJSON(out))
	case wireJSON:
		a.header["Content-Type"] = "application/x-amz-json-1.1"
		a.body = mustJSON(toJSON(out))
	}
	return a
}

var xmlNamespaces = map[string]string{
	"sts":        "https://sts.amazonaws.com/doc/2011-06-15/",
	"iam":        "https://iam.amazonaws.com/doc/2010-05-08/",
	"cloudwatch": "http://monitoring.amazonaws.com/doc/2010-08-01/",
	"sesv2":      "http://ses.amazonaws.com/doc/2010-12-01/",
	"ec2":        "http://ec2.amazonaws.com/doc/2016-11-15/",
}

// mustJSON encodes what is made of plain values, which cannot fail.
func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// encodeError writes an error in the call's protocol.
func encodeError(c *call, e *awsError) answer {
	a := answer{status: e.status, header: map[string]string{}}
	side := "Sender"
	if e.status >= http.StatusInternalServerError {
		side = "Receiver"
	}
	queryCode := e.code
	if e.query != "" {
		queryCode = e.query
	}
	switch c.wire {
	case wireCBOR:
		a.header["Content-Type"], a.header["Smithy-Protocol"] = "application/cbor", "rpc-v2-cbor"
		a.header["X-Amzn-Query-Error"] = queryCode + ";" + side
		a.body = cbor.Encode(cbor.Map{"__type": cbor.String("com.amazonaws.cloudwatch#" + e.code), "message": cbor.String(e.message)})
	case wireQuery:
		a.header["Content-Type"] = "text/xml"
		var b bytes.Buffer
		fmt.Fprintf(&b, `<ErrorResponse xmlns=%q>`, xmlNamespaces[c.service])
		element(&b, "Error", object{"Type": side, "Code": queryCode, "Message": e.message}, "member")
		element(&b, "RequestId", c.requestID, "member")
		b.WriteString("</ErrorResponse>")
		a.body = b.Bytes()
	case wireEC2:
		a.header["Content-Type"] = "text/xml;charset=UTF-8"
		var b bytes.Buffer
		element(&b, "Response", object{
			"Errors": object{"Error": object{"Code": queryCode, "Message": e.message}}, "RequestID": c.requestID,
		}, "item")
		a.body = b.Bytes()
	case wireREST:
		a.header["Content-Type"], a.header["X-Amzn-ErrorType"] = "application/json", e.code
		a.body = mustJSON(object{"message": e.message})
	case wireJSON:
		a.header["Content-Type"], a.header["X-Amzn-ErrorType"] = "application/x-amz-json-1.1", e.code
		key := "message"
		if e.code == "AccessDeniedException" {
			key = "Message"
		}
		a.body = mustJSON(object{"__type": e.code, key: e.message})
	}
	return a
}
