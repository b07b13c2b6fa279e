package awssim

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"path"
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
)

// params are an operation's input, whatever the protocol it came in: objects,
// lists of any, strings, numbers as float64, bools and times.
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
	case string: // of a query string or form
		n, err := strconv.Atoi(v)
		return n, err == nil
	default:
		return 0, false
	}
}

// no reports whether key is given and false.
func (p params) no(key string) bool {
	return p[key] == false || p[key] == "false"
}

// time returns a timestamp, which protocols write in different ways.
func (p params) time(key string) (time.Time, bool) {
	switch v := p[key].(type) {
	case time.Time:
		return v, true
	case float64:
		whole, part := math.Modf(v)
		return time.Unix(int64(whole), int64(math.Round(part*1000))*int64(time.Millisecond)).UTC(), true
	case string:
		t, err := time.Parse(time.RFC3339, v)
		return t, err == nil
	default:
		return time.Time{}, false
	}
}

// members returns the members of a list, with the zero value for those of
// another type.
func members[T any](p params, key string) []T {
	list, _ := p[key].([]any)
	all := make([]T, len(list))
	for i := range list {
		all[i], _ = list[i].(T)
	}
	return all
}

func (p params) texts(key string) []string { return members[string](p, key) }

func (p params) objects(key string) (all []params) {
	for _, m := range members[map[string]any](p, key) {
		all = append(all, m)
	}
	return all
}

func (p params) object(key string) params {
	m, _ := p[key].(map[string]any)
	return m
}

// paramTypes are the types of top-level parameters, whose names mean the same
// in all operations.
var paramTypes = map[string]any{
	"MaxResults": 0, "PageSize": 0, "ResourcesPerPage": 0, "MaxDatapoints": 0, "Period": 0, "DurationSeconds": 0,
	"AccountId": "", "ClientId": "", "EventCategory": "", "MetricName": "", "Namespace": "", "NextToken": "", "PaginationToken": "",
	"ChildId": "", "ParentId": "", "RecentlyActive": "", "ResourceId": "", "ScanBy": "", "Unit": "", "UserPoolId": "",
	"Dimensions": []any{}, "ExtendedStatistics": []any{}, "LookupAttributes": []any{}, "MetricDataQueries": []any{},
	"RegionOptStatusContains": []any{}, "ResourceTypeFilters": []any{}, "Statistics": []any{}, "TagFilters": []any{},
}

// check refuses what AWS cannot deserialize: a value of another type than the
// parameter has. Null means that it is not given.
func (p params) check(w wire) error {
	maps.DeleteFunc(p, func(_ string, v any) bool { return v == nil })
	for name, v := range p {
		ok := true
		switch paramTypes[name].(type) {
		case int:
			n, isNumber := v.(float64)
			_, isDigits := p.number(name)
			ok = isNumber && n == math.Trunc(n) || !isNumber && isDigits && (w == wireQuery || w == wireREST)
		case string:
			_, ok = v.(string)
		case []any:
			_, ok = v.([]any)
		}
		if !ok {
			return fmt.Errorf("the value of %s does not have the right type", name)
		}
	}
	return nil
}

// object is an operation's output or a structure in it. Values are objects,
// dictionaries, lists of any, strings, ints, doubles, bools and stamps.
type object = map[string]any

// dictionary is an object whose keys are data, which Query writes in another way.
type dictionary map[string]any

// awsError is an error as AWS answers it.
type awsError struct {
	code    string // its name in the service's model; Query says it as in queryCodes
	message string
	status  int // of REST; Query makes 400 of 404, JSON and CBOR of 403, too
}

func (e *awsError) Error() string { return e.code + ": " + e.message }

func forbidden(code, message string) *awsError {
	return &awsError{code: code, message: message, status: http.StatusForbidden}
}

func notFound(code, format string, args ...any) *awsError {
	e := badRequest(code, format, args...)
	e.status = http.StatusNotFound
	return e
}

func unknownOperation(c *call) *awsError {
	if c.operation == "" {
		return notFound("UnknownOperationException", "No action of this web service has this method and path.")
	}
	return notFound("UnknownOperationException", "The action %q is not valid for this web service.", c.operation)
}

func badRequest(code, format string, args ...any) *awsError {
	return &awsError{code: code, message: fmt.Sprintf(format, args...), status: http.StatusBadRequest}
}

// queryCodes are the codes that differ in the Query protocol.
var queryCodes = map[string]string{
	"AccessDeniedException": "AccessDenied", "ExpiredTokenException": "ExpiredToken", "ThrottlingException": "Throttling",
	"InvalidParameterCombinationException": "InvalidParameterCombination", "InvalidParameterValueException": "InvalidParameterValue",
	"MissingAuthenticationTokenException": "MissingAuthenticationToken", "MissingRequiredParameterException": "MissingParameter",
	"SerializationException": "MalformedInput", "UnknownOperationException": "InvalidAction",
	"UnrecognizedClientException": "InvalidClientTokenId", "ValidationException": "ValidationError",
}

// request is what an HTTP request asks for. The service is noService if there
// is none that fits, the operation empty if no path fits.
type request struct {
	service   *service
	operation string
	params    params
	wire      wire
}

const cborPath = "/service/GraniteServiceVersion20100801/operation/"

// route finds out what is asked for. signed is the service that the request
// was signed for, or empty.
func route(r *http.Request, body []byte, signed string) (q request, err error) {
	target := r.Header.Get("X-Amz-Target")
	switch {
	case strings.HasPrefix(r.URL.Path, cborPath):
		q = request{service: services["cloudwatch"], operation: strings.TrimPrefix(r.URL.Path, cborPath), wire: wireCBOR}
		q.params, err = decodeCBOR(body)
	case target != "":
		name := strings.Split("."+target, ".") // Some clients write a namespace before the service.
		q = request{operation: name[len(name)-1], wire: wireJSON}
		q.service = findService(func(s *service) bool { return s.target != "" && s.target == name[len(name)-2] })
		q.params, err = decodeJSON(body)
	case strings.HasPrefix(r.URL.Path, "/v2/email/"):
		q, err = routeREST(services["sesv2"], r, body)
	case signed == "account":
		q, err = routeREST(services["account"], r, body)
	default:
		form, formErr := url.ParseQuery(string(body))
		if formErr != nil || r.Method == http.MethodGet {
			form = r.URL.Query()
		}
		q = request{operation: form.Get("Action"), params: decodeForm(form), wire: wireQuery}
		q.service = findService(func(s *service) bool { return s.version != "" && s.version == form.Get("Version") })
	}
	if err == nil {
		err = q.params.check(q.wire)
	}
	return q, err
}

// restRoutes are the operations of the REST services, by method and path. A
// path that ends in / goes on with the parameter.
var restRoutes = map[string]struct{ operation, parameter string }{
	"GET /v2/email/account":             {"GetAccount", ""},
	"POST /v2/email/list-identities":    {"ListEmailIdentities", ""},
	"GET /v2/email/identities":          {"ListEmailIdentities", ""}, // older clients
	"GET /v2/email/identities/":         {"GetEmailIdentity", "EmailIdentity"},
	"GET /v2/email/configuration-sets/": {"GetConfigurationSet", "ConfigurationSetName"},
	"POST /listRegions":                 {"ListRegions", ""},
}

func routeREST(s *service, r *http.Request, body []byte) (request, error) {
	in, err := decodeJSON(body)
	for key, values := range r.URL.Query() {
		in[key] = values[0]
	}
	full := strings.TrimSuffix(r.URL.EscapedPath(), "/")
	route, ok := restRoutes[r.Method+" "+full]
	if dir, last := path.Split(full); !ok {
		if route = restRoutes[r.Method+" "+dir]; route.parameter != "" && err == nil {
			in[route.parameter], err = url.PathUnescape(last)
		}
	}
	return request{s, route.operation, in, wireREST}, err
}

func decodeJSON(body []byte) (params, error) {
	in := params{}
	if len(bytes.TrimSpace(body)) == 0 {
		return in, nil
	}
	if err := json.Unmarshal(body, &in); err != nil || in == nil { // It is nil for the body null.
		return params{}, err
	}
	return in, nil
}

// decodeForm turns a.member.1.b=v into nested lists and objects.
func decodeForm(form url.Values) params {
	root := map[string]any{}
	for key, values := range form {
		at := root
		parts := slices.DeleteFunc(strings.Split(key, "."), func(s string) bool { return s == "member" })
		if len(parts) == 0 {
			continue
		}
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
	for key := range root {
		root[key] = numbered(root[key])
	}
	return root
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
		return params{}, err
	}
	in, ok := fromCBOR(v).(map[string]any)
	if !ok {
		return params{}, errors.New("the body is not a map")
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
		return list(v, fromCBOR)
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
	case dictionary:
		return toCBOR(object(v))
	case map[string]any:
		m := cbor.Map{}
		for key, value := range v {
			m[key] = toCBOR(value)
		}
		return m
	case []any:
		all := make(cbor.List, 0, len(v))
		for _, value := range v {
			all = append(all, toCBOR(value))
		}
		return all
	case string:
		return cbor.String(v)
	case double:
		return cbor.Float64(v)
	case stamp:
		return toCBOR(moment(v.seconds()))
	case moment:
		return &cbor.Tag{ID: 1, Value: cbor.Float64(v)}
	case nil:
		return &cbor.Nil{}
	default:
		panic(fmt.Sprintf("no CBOR for %T", v)) // Of what CloudWatch answers, there is nothing else.
	}
}

// double is a floating-point number, which AWS writes as 200.0, not 200.
type double float64

func (d double) String() string {
	s := strconv.FormatFloat(float64(d), 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// MarshalJSON implements json.Marshaler. What is no number is a string.
func (d double) MarshalJSON() ([]byte, error) {
	switch {
	case math.IsNaN(float64(d)):
		return []byte(`"NaN"`), nil
	case math.IsInf(float64(d), 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(float64(d), -1):
		return []byte(`"-Infinity"`), nil
	default:
		return []byte(d.String()), nil
	}
}

// moment is a time in Unix seconds, which need not be one that there is.
type moment double

// MarshalJSON implements json.Marshaler.
func (m moment) MarshalJSON() ([]byte, error) { return double(m).MarshalJSON() }

// stamp is a time, which JSON and CBOR write as Unix seconds.
type stamp time.Time

func (t stamp) seconds() double { return double(time.Time(t).UnixMilli()) / 1000 }

// MarshalJSON implements json.Marshaler.
func (t stamp) MarshalJSON() ([]byte, error) { return t.seconds().MarshalJSON() }

// toXML writes v as the content of an element.
func toXML(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case dictionary:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			element(b, "entry", object{"key": key, "value": v[key]})
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			element(b, key, v[key])
		}
	case []any:
		for _, value := range v {
			element(b, "member", value)
		}
	case string:
		_ = xml.EscapeText(b, []byte(v)) // A buffer takes everything.
	case stamp:
		b.WriteString(time.Time(v).UTC().Format("2006-01-02T15:04:05Z"))
	default:
		fmt.Fprint(b, v)
	}
}

func element(b *bytes.Buffer, name string, v any) {
	b.WriteString("<" + name + ">")
	toXML(b, v)
	b.WriteString("</" + name + ">")
}

// mustJSON encodes what is made of plain values, which cannot fail.
func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// answer is a finished HTTP answer.
type answer struct {
	status int
	header map[string]string
	body   []byte
}

// encode writes an operation's output in the call's protocol.
func encode(c *call, out object) answer {
	if c.wire != wireQuery {
		return plain(c, http.StatusOK, out)
	}
	return queryAnswer(c, http.StatusOK, c.operation+"Response", func(b *bytes.Buffer) {
		element(b, c.operation+"Result", out)
		element(b, "ResponseMetadata", object{"RequestId": c.requestID})
	})
}

func queryAnswer(c *call, status int, root string, content func(*bytes.Buffer)) answer {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<%s xmlns=%q>", root, c.service.namespace)
	content(&b)
	b.WriteString("</" + root + ">")
	return answer{status, map[string]string{"Content-Type": "text/xml"}, b.Bytes()}
}

// plain writes an output or error in the protocols other than Query.
func plain(c *call, status int, out object) answer {
	a := answer{status: status, header: map[string]string{"Content-Type": "application/x-amz-json-1.1"}}
	switch {
	case c.wire == wireCBOR:
		a.header["Content-Type"], a.header["Smithy-Protocol"] = "application/cbor", "rpc-v2-cbor"
		a.body = cbor.Encode(toCBOR(out))
		return a
	case c.wire == wireREST:
		a.header["Content-Type"] = "application/json"
	case c.service == services["cloudwatch"]:
		a.header["Content-Type"] = "application/x-amz-json-1.0"
	}
	a.body = mustJSON(out)
	return a
}

// encodeError writes an error in the call's protocol.
func encodeError(c *call, e *awsError) answer {
	side, queryCode := "Sender", e.code
	if e.status >= http.StatusInternalServerError {
		side = "Receiver"
	}
	if code, ok := queryCodes[e.code]; ok {
		queryCode = code
	}
	status, key := e.status, "message"
	if c.wire != wireREST && status == http.StatusNotFound || c.wire != wireREST && c.wire != wireQuery && status == http.StatusForbidden {
		status = http.StatusBadRequest
	}
	if c.wire == wireQuery {
		return queryAnswer(c, status, "ErrorResponse", func(b *bytes.Buffer) {
			element(b, "Error", object{"Type": side, "Code": queryCode, "Message": e.message})
			element(b, "RequestId", c.requestID)
		})
	}
	if c.service.capital {
		key = "Message"
	}
	out := object{key: e.message}
	switch {
	case c.service == services["cloudwatch"]:
		out["__type"] = "com.amazonaws.cloudwatch#" + e.code
	case c.wire == wireJSON:
		out["__type"] = e.code
	}
	a := plain(c, status, out)
	if c.wire != wireCBOR {
		a.header["X-Amzn-Errortype"] = e.code
	}
	if c.service == services["cloudwatch"] {
		a.header["X-Amzn-Query-Error"] = queryCode + ";" + side
	}
	return a
}
