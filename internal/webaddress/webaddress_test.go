package webaddress_test

import (
	"errors"
	"net/url"
	"testing"

	"homeward/internal/webaddress"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]error{ // without and with an administrator's word
		"https://alerts.contoso.com/in?key=1": {},
		"https://10.0.0.7/in":                 {},
		"http://alerts.contoso.com/in":        {webaddress.ErrPlain, webaddress.ErrPlain},
		"http://192.0.2.1/":                   {webaddress.ErrPlain, webaddress.ErrPlain},
		"http://localhost.contoso.com/":       {webaddress.ErrPlain, webaddress.ErrPlain},
		"http://127.0.0.1:8080/in":            {webaddress.ErrUnconfirmed, nil},
		"http://[::1]/":                       {webaddress.ErrUnconfirmed, nil},
		"http://[::ffff:10.1.2.3]/":           {webaddress.ErrUnconfirmed, nil},
		"http://LocalHost/in":                 {webaddress.ErrUnconfirmed, nil},
		"http://192.168.4.1/in":               {webaddress.ErrUnconfirmed, nil},
		"http://[fd00::1]/in":                 {webaddress.ErrUnconfirmed, nil},
		"http://0.0.0.0/":                     {webaddress.ErrPlain, webaddress.ErrPlain},
		"http://169.254.169.254/":             {webaddress.ErrPlain, webaddress.ErrPlain},
		"https://me:secret@contoso.com/":      {webaddress.ErrAddress, webaddress.ErrAddress},
		"ftp://10.0.0.7/":                     {webaddress.ErrAddress, webaddress.ErrAddress},
		"https://":                            {webaddress.ErrAddress, webaddress.ErrAddress},
		"http://:80/":                         {webaddress.ErrAddress, webaddress.ErrAddress},
		"alerts.contoso.com":                  {webaddress.ErrAddress, webaddress.ErrAddress},
		"":                                    {webaddress.ErrAddress, webaddress.ErrAddress},
	} {
		if got := webaddress.Check(text, false); !errors.Is(got, want[0]) {
			t.Errorf("%s: %v", text, got)
		}
		if got := webaddress.Check(text, true); !errors.Is(got, want[1]) {
			t.Errorf("%s, confirmed: %v", text, got)
		}
	}
}

// FuzzCheck: whatever passes is a web address, and http only where somebody has said so.
func FuzzCheck(f *testing.F) {
	f.Add("https://a/", false)
	f.Add("http://[::1]:80/x", true)
	f.Fuzz(func(t *testing.T, text string, confirmed bool) {
		if webaddress.Check(text, confirmed) != nil {
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !confirmed) {
			t.Errorf("%q passes", text)
		}
	})
}
