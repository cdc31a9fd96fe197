package tenant_test

import (
	"errors"
	"strings"
	"testing"

	"homeward/internal/server/tenant"
)

func TestTextIsPlain(t *testing.T) {
	t.Parallel()
	const most = 30
	for text, good := range map[string]bool{
		"": true, "Réinitialisez : c’est simple": true, "パスワード　リセット": true, "می\u200cخواهم": true, "<b>": true, "👩\u200d💻": true,
		"a\nb": false, "a\tb": false, "a\x00b": false, "\xff": false, "abc\u202edef": false, strings.Repeat("é", most+1): false, strings.Repeat("é", most): true,
	} {
		if err := tenant.CheckText(text, most, false); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := tenant.CheckText("one\ntwo", 20, true); err != nil {
		t.Error(err)
	}
	if err := tenant.CheckText("xxx", 2, true); !errors.Is(err, tenant.ErrTooMany) {
		t.Errorf("got %v", err)
	}
}

func TestDestinations(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		"it@contoso.com": true, "IT <it@contoso.com>": false, "it": false, "": false, "a@b.c\r\nBcc: x@y.z": false, strings.Repeat("a", 250) + "@b.cc": false,
	} {
		if err := tenant.CheckMail(text); (err == nil) != good {
			t.Errorf("mail %q: %v", text, err)
		}
	}
	for text, good := range map[string]bool{
		"https://help.contoso.com/x?y=1": true, "http://help": true, "help.contoso.com": false, "javascript:alert(1)": false, "https://": false,
		"https://user:secret@contoso.com": false, "https://a b.c": false, "https://" + strings.Repeat("a", 500): false,
	} {
		if err := tenant.CheckURL(text, "https", "http"); (err == nil) != good {
			t.Errorf("address %q: %v", text, err)
		}
	}
	for text, good := range map[string]bool{"": true, "+46 8 555 01 42": true, "112": true, "(0)20/123.45-6": true, "12": false, "call": false, strings.Repeat("1", 41): false} {
		if err := tenant.CheckPhone(text); (err == nil) != good {
			t.Errorf("phone %q: %v", text, err)
		}
	}
}

func TestAlertsAndExpiry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want error
	}{
		"nothing":        {tenant.Alerts{}.Check(), nil},
		"too many":       {tenant.Alerts{Mail: make([]string, 21)}.Check(), tenant.ErrTooMany},
		"no address":     {tenant.Alerts{Mail: []string{"x"}}.Check(), tenant.ErrMail},
		"no webhook":     {tenant.Alerts{WebhookURL: "x"}.Check(), tenant.ErrHook},
		"plain webhook":  {tenant.Alerts{WebhookURL: "http://alerts.contoso.com", PlainWebhook: true}.Check(), tenant.ErrHook},
		"no reminders":   {tenant.Expiry{}.Check(), nil},
		"usual":          {tenant.Expiry{Days: []int{14, 5, 1}, QuietFrom: "22:00", QuietUntil: "07:00"}.Check(), nil},
		"today":          {tenant.Expiry{Days: []int{0}}.Check(), tenant.ErrDays},
		"too far":        {tenant.Expiry{Days: []int{91}}.Check(), tenant.ErrDays},
		"six":            {tenant.Expiry{Days: []int{6, 5, 4, 3, 2, 1}}.Check(), tenant.ErrTooMany},
		"half a time":    {tenant.Expiry{QuietFrom: "22:00"}.Check(), tenant.ErrClock},
		"no time of day": {tenant.Expiry{QuietFrom: "24:00", QuietUntil: "7:00"}.Check(), tenant.ErrClock},
	} {
		if !errors.Is(c.err, c.want) || c.want == nil && c.err != nil {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
}

func TestChecksOfQuestions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		checks tenant.Checks
		want   error
	}{
		"defaults":         {tenant.Checks{}, nil},
		"five and four":    {tenant.Checks{QuestionsSetUp: 5, QuestionsAsked: 4}, nil},
		"two":              {tenant.Checks{QuestionsAsked: 2}, tenant.ErrQuestionNumbers},
		"six":              {tenant.Checks{QuestionsSetUp: 6}, tenant.ErrQuestionNumbers},
		"more than set up": {tenant.Checks{QuestionsAsked: 4}, tenant.ErrQuestionNumbers},
		"alone":            {tenant.Checks{Methods: []string{"questions", "app"}}, tenant.ErrQuestionsAlone},
		"only":             {tenant.Checks{Required: 2, Methods: []string{"questions"}}, tenant.ErrOnlyQuestions},
		"one for two":      {tenant.Checks{Required: 2, Methods: []string{"app"}}, tenant.ErrTooFewMethods},
	} {
		if err := c.checks.Check(); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
