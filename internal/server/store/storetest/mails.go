package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/notify"
	"homeward/internal/server/store"
)

func mail(id string) notify.Mail {
	return notify.Mail{ID: id, Tenant: TenantA, Sealed: []byte{0, 0xff, 1}, Due: noon(), Expires: noon().Add(time.Hour)}
}

func mailTests() []test {
	const lease = time.Minute
	claim := func(t *testing.T, e *env, now time.Time) []notify.Mail {
		t.Helper()
		return at[[]notify.Mail](t)(e.ClaimMail(e.ctx, now, lease))
	}
	wantNone := func(t *testing.T, e *env, now time.Time) {
		t.Helper()
		if got := claim(t, e, now); len(got) != 0 {
			t.Errorf("claimed %d mails, want none", len(got))
		}
	}
	return []test{
		{"claimed, then sent", func(t *testing.T, e *env) {
			ok(t, e.Enqueue(e.ctx, mail("m")))
			want := mail("m")
			want.Tries = 1
			if diff := cmp.Diff([]notify.Mail{want}, claim(t, e, noon())); diff != "" {
				t.Error(diff)
			}
			wantNone(t, e, noon().Add(lease-time.Millisecond))
			ok(t, e.MailSent(e.ctx, "m"))
			ok(t, e.MailSent(e.ctx, "m"))
			wantNone(t, e, noon().Add(lease))
		}},
		{"claimed again when the lease is over", func(t *testing.T, e *env) {
			ok(t, e.Enqueue(e.ctx, mail("m")))
			claim(t, e, noon())
			if got := claim(t, e, noon().Add(lease)); len(got) != 1 || got[0].Tries != 2 {
				t.Errorf("got %v", got)
			}
		}},
		{"retried when due", func(t *testing.T, e *env) {
			ok(t, e.Enqueue(e.ctx, mail("m")))
			claim(t, e, noon())
			ok(t, e.MailRetry(e.ctx, "m", noon().Add(10*time.Second)))
			wantNone(t, e, noon().Add(9*time.Second))
			if got := claim(t, e, noon().Add(10*time.Second)); len(got) != 1 || got[0].Tries != 2 {
				t.Errorf("got %v", got)
			}
		}},
		{"not before it is due nor after it expires", func(t *testing.T, e *env) {
			ok(t, e.Enqueue(e.ctx, mail("m")))
			wantNone(t, e, noon().Add(-time.Millisecond))
			wantNone(t, e, mail("m").Expires)
			if n := at[int](t)(e.DropExpiredMail(e.ctx, noon())); n != 0 {
				t.Errorf("dropped %d", n)
			}
			if n := at[int](t)(e.DropExpiredMail(e.ctx, mail("m").Expires)); n != 1 {
				t.Errorf("dropped %d", n)
			}
			wantNone(t, e, noon())
		}},
		{"same id twice", func(t *testing.T, e *env) {
			ok(t, e.Enqueue(e.ctx, mail("m")))
			if err := e.Enqueue(e.ctx, mail("m")); !errors.Is(err, store.ErrConflict) {
				t.Errorf("got %v, want ErrConflict", err)
			}
		}},
		{"claimed from many sides at once", claimAtOnce},
	}
}

func claimAtOnce(t *testing.T, e *env) {
	const mails = 100
	for i := range mails {
		ok(t, e.Enqueue(e.ctx, mail(fmt.Sprintf("m%03d", i))))
	}
	var mu sync.Mutex
	claimed := map[string]int{}
	race(10, func(int) {
		for {
			got, err := e.ClaimMail(e.ctx, noon(), time.Minute)
			if err != nil {
				t.Error(err)
			}
			if len(got) == 0 {
				return
			}
			mu.Lock()
			for _, m := range got {
				claimed[m.ID]++
			}
			mu.Unlock()
		}
	})
	if len(claimed) != mails {
		t.Errorf("%d mails claimed, want %d", len(claimed), mails)
	}
	for id, n := range claimed {
		if n != 1 {
			t.Errorf("%s claimed %d times", id, n)
		}
	}
}
