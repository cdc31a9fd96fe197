package e2e_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// An administrator sees how sync is, asks for everybody to be read again, and has the running agent make a preview: nothing is
// stopped for it, and the real domain's people appear with what would become of them.
func TestSyncPageInABrowser(t *testing.T) {
	t.Parallel()
	s := shared(t)
	b := openBrowser(t, "en", 1280, 800)
	b.setUp(t, s.invite(t, "invite", "sync.admin@contoso.com", "--role", "hybrid-identity-administrator"))
	b.title(t, "Overview")
	b.run(t, chromedp.Navigate(s.Portal()+"/admin/sync"))
	b.title(t, "Sync status")
	b.sees15(t, "document.querySelector('#domains .state.ok') !== null")
	b.sees(t, "document.documentElement.scrollWidth <= innerWidth")
	b.tab(t, "#sync-now")
	b.keys(t, enter)
	b.sees(t, "location.search === '?done=now' && document.querySelector('.note.ok[role=status]')")

	b.tab(t, "main a[href='/admin/sync/preview']")
	b.keys(t, enter)
	b.title(t, "Preview")
	b.tab(t, "#ask")
	b.keys(t, enter)
	b.sees(t, "location.search.includes('done=preview')")
	b.sees(t, "document.querySelectorAll('#verdicts tbody tr').length > 0")
	b.sees(t, "document.querySelector('#verdicts .state').textContent.includes('Nothing has been changed')")
	b.calm(t) // the sign-in's wrong code was refused on purpose
}
