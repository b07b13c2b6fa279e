package awssim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// control answers the requests that drive the simulation.
func (s *Server) control(w http.ResponseWriter, r *http.Request, body []byte, err error) {
	var out any
	if err == nil {
		out, err = s.drive(r.Method+" "+r.URL.Path, body)
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case errors.Is(err, errNoRoute):
		w.WriteHeader(http.StatusNotFound)
		out = object{"error": fmt.Sprintf("there is no %s %s", r.Method, r.URL.Path)}
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
		out = object{"error": err.Error()}
	case out == nil:
		w.WriteHeader(http.StatusNoContent)
		return
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(out) // An error means that the client is gone.
}

var errNoRoute = errors.New("no such control")

func (s *Server) drive(what string, body []byte) (any, error) {
	switch what {
	case "GET /_calls":
		return s.Calls(), nil
	case "DELETE /_calls":
		s.ResetCalls()
		return nil, nil
	case "GET /_truth":
		return s.Truth(), nil
	case "GET /_faults":
		s.mu.Lock()
		defer s.mu.Unlock()
		return slices.Clone(s.faults), nil
	case "PUT /_faults":
		faults, err := parseFaults(body)
		if err == nil {
			err = s.SetFaults(faults)
		}
		return nil, err
	case "GET /_fleet":
		return s.Fleet().plain()
	case "PUT /_fleet":
		return nil, s.put(body)
	case "PATCH /_fleet":
		return nil, s.patch(body)
	default:
		return nil, errNoRoute
	}
}

// patch merges a partial fleet, as JSON, into the present one: objects key by
// key, lists of named things thing by thing, anything else as a whole.
func (s *Server) patch(body []byte) error {
	var change any
	if err := json.Unmarshal(body, &change); err != nil {
		return fmt.Errorf("the change is not valid JSON: %w", err)
	}
	have, err := s.Fleet().plain()
	if err != nil {
		return err
	}
	return s.put(mustJSON(merge(have, change)))
}

func (s *Server) put(fleet []byte) error {
	f, err := ParseFleet(fleet)
	if err != nil {
		return err
	}
	return s.SetFleet(f)
}

func merge(have, change any) any {
	switch change := change.(type) {
	case map[string]any:
		m, ok := have.(map[string]any)
		if !ok {
			return change
		}
		for key, value := range change {
			if value == nil {
				delete(m, key)
				continue
			}
			m[key] = merge(m[key], value)
		}
		return m
	case []any:
		list, ok := have.([]any)
		if !ok {
			return change
		}
		for _, value := range change {
			i := slices.IndexFunc(list, func(v any) bool { return nameOf(v) != "" && nameOf(v) == nameOf(value) })
			switch {
			case nameOf(value) == "":
				return change
			case i < 0:
				list = append(list, value)
			default:
				list[i] = merge(list[i], value)
			}
		}
		return list
	default:
		return change
	}
}

// nameOf returns what tells a thing in a list from the others, empty for what
// has no name.
func nameOf(v any) string {
	m, _ := v.(map[string]any)
	for _, key := range []string{"id", "name"} {
		if s, ok := m[key].(string); ok && s != "" {
			return s
		}
	}
	return ""
}
