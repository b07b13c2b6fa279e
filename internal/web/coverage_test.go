package web

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestAccounts shows the accounts that are not read first, and counts them.
func TestAccounts(t *testing.T) {
	page := ask(t, options(t), "GET", "/accounts").Body.String()
	if strings.Contains(page, evil) {
		t.Error("AWS's text is not escaped")
	}
	last := -1
	for _, want := range []string{
		`<li class="bad"><b>1</b> denied</li>`, `<li><b>1</b> suspended</li>`, `<li><b>1</b> read</li>`, "1 to 3 of 3",
		`<th scope="row" class="name"><code>333333333333</code></th>`, "AssumeRole: &lt;script", "<code>222222222222</code>", "<code>111122223333</code>",
		"Workloads/&lt;script", `href="/targets?account=111122223333">2</a>`,
	} {
		at := strings.Index(page, want)
		if at <= last {
			t.Errorf("%s is at %d, after %d:\n%s", want, at, last, page)
		}
		last = at
	}
	var answer struct {
		Data struct {
			Total    int
			Accounts []struct {
				ID       string `json:"account_id"`
				Coverage string
			}
		}
	}
	if err := json.Unmarshal(ask(t, options(t), "GET", "/api/v1/accounts?limit=2").Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if d := answer.Data; d.Total != 3 || len(d.Accounts) != 2 || d.Accounts[0].ID != "333333333333" || d.Accounts[0].Coverage != "denied" {
		t.Errorf("%+v", answer)
	}
}
