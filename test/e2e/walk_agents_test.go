package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/server/enrol"
)

const agents = "/admin/agents"

// serving has an agent run on a configuration until the test ends.
func (d *desk) serving(conf string) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(d.t.Context()))
	cmd := exec.CommandContext(ctx, program, "agent", "run", "--config", conf)
	must(d.t, cmd.Start())
	d.whole.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
}

// agentPages enrols an agent with a code of the page, gives work from one agent to the other and back, cuts one off, and accepts
// that one has moved. Before, it chooses between two domains.
func (d *desk) agentPages() {
	t := d.t
	one := d.firstAgent(t)
	d.open(agents + "/" + one)
	d.press("#run-checks")
	d.sees("!document.querySelector('#checks[data-soon]') && document.getElementById('checked-at') && document.querySelectorAll('#checks tr.ok').length > 9")
	key := d.agent(t, one).KeyID
	d.press("#rotate-key")
	d.sees("document.getElementById('key-id').textContent.replaceAll('-', '') !== %q", key)
	if d.agent(t, one).KeyID == key {
		t.Error("the agent's sealing key is the one before")
	}
	d.open(agents)
	d.press("form[action='/admin/agents/codes'] button")
	code := d.b.text(t, "#code")
	state, conf := d.Path("second"), d.Path("second.yaml")
	d.reconfigure(t, conf, func(c map[string]any) { c["state"] = state })
	if out, err := verb(t, code+"\n", "agent", "enrol", "--config", conf); err != nil {
		t.Fatalf("the page's code: %v: %s", err, out)
	}
	two := ""
	all, err := d.Store.Agents(t.Context(), demo.TenantID)
	must(t, err)
	for _, a := range all {
		if a.ID != one {
			two = a.ID
		}
	}
	d.serving(conf)
	d.untilState(t, two, "ready")

	drained := func(id string, force bool) {
		t.Helper()
		d.open(agents + "/" + id)
		d.press("form[action$='/drain'] button")
		if force {
			d.says(".summary", "No other agent can write")
			d.press(".summary .danger")
		}
		d.says("#state", "Draining")
	}
	drained(one, false)
	d.servedBy(t, two)
	drained(two, true)
	if page := d.enters(d.person(t, lab.KindOrdinary)); strings.HasPrefix(page.Path, "/verify/") {
		t.Error("with every agent drained somebody is let on")
	}
	d.press("form[action$='/resume'] button")
	d.says("#state", "Online")
	d.servedBy(t, two)
	d.open(agents + "/" + one)
	d.press("form[action$='/resume'] button")
	d.untilState(t, one, "ready")

	d.open(agents + "/" + two)
	d.click(".danger-zone summary")
	d.press(".danger-zone button")
	d.sees("document.querySelector('.summary')")
	if a := d.agent(t, two); a.Status != enrol.Approved {
		t.Errorf("without a word that it is meant, the agent is %s", a.Status)
	}
	d.click(".danger-zone summary")
	d.turn("#sure", true)
	d.press(".danger-zone button")
	d.sees("!document.querySelector('.danger-zone')")
	if a := d.agent(t, two); a.Status != enrol.Revoked {
		t.Errorf("the agent that was cut off is %s", a.Status)
	}
	d.servedBy(t, one)

	d.domains()
	d.moves(one)
}

// domains has the agent serve a second domain, which can't be reached and isn't synced: what is chosen by domain has a choice.
func (d *desk) domains() {
	t := d.t
	must(t, d.Agent.Stop())
	d.reconfigure(t, d.Path("agent.yaml"), func(conf map[string]any) {
		list := conf["directories"].([]any)
		other := map[string]any{}
		for k, v := range list[0].(map[string]any) {
			if k != "test_account" {
				other[k] = v
			}
		}
		other["domain"], other["urls"], other["sync"] = "sub.contoso.test", []string{"ldaps://127.0.0.1:1"}, map[string]any{"mode": "off"}
		conf["directories"] = append(list, other)
	})
	must(t, d.LaunchAgent())
	eventually(t, func() error {
		d.open(syncPage + "/preview")
		if ok, err := try[bool](d.b, "!!document.getElementById('domain')"); err != nil || !ok {
			return fmt.Errorf("there is no second domain, %w", err)
		}
		return nil
	})
	d.pick("#domain", "sub.contoso.test")
	d.press(".filter-go button")
	d.says("#verdicts-title", "sub.contoso.test")
	must(t, d.Agent.Stop())
	d.reconfigure(t, d.Path("agent.yaml"), func(conf map[string]any) { conf["directories"] = conf["directories"].([]any)[:1] })
	must(t, d.StartAgent(t.Context()))
}

// elsewhere runs a command as if on another machine.
func elsewhere(name string) []string {
	return []string{
		"unshare", "--uts", "--mount", "sh", "-c",
		"hostname " + name + ` && { [ ! -e /etc/machine-id ] || mount --bind /dev/null /etc/machine-id; } && exec "$0" "$@"`,
	}
}

// moves accepts that an agent serves from another machine.
func (d *desk) moves(id string) {
	t := d.t
	must(t, d.Agent.Stop())
	log, _ := d.copied(d.whole, "moved", elsewhere("moved-srv")...)
	untilLog(t, log, "This identity belongs to the agent on")
	d.open(agents + "/" + id)
	d.press("form[action$='/accept-move'] button")
	d.untilState(t, id, "ready")
	d.servedBy(t, id)
	if a := d.agent(t, id); a.Machine != "moved-srv" {
		t.Errorf("it serves from %s", a.Machine)
	}
}

// tidings are what the page of notifications has made: an alert of the agent that was cut off, and reminders once the quiet hours
// are over.
func (d *desk) tidings() {
	t := d.t
	d.mailed("duty@contoso.example", d.began, "cut off")
	eventually(t, func() error {
		if !d.hook.heard("agent_cut_off") {
			return errors.New("the webhook hasn't heard that an agent was cut off")
		}
		return nil
	})
	if d.letters(d.soon.Mail, d.began, "expires on") > 0 {
		t.Error("a reminder came in the quiet hours")
	}
	zone, err := time.LoadLocation("Europe/Stockholm")
	must(t, err)
	now := time.Now().In(zone)
	d.open(settings + "notifications")
	d.fill("#from", now.Add(3*time.Hour).Format("0304PM"))
	d.fill("#until", now.Add(5*time.Hour).Format("0304PM"))
	d.save()
	d.mailed(d.soon.Mail, d.began, "expires on")
}
