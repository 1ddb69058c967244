package emltest

import (
	"strings"
	"testing"
)

func TestValidateFinds(t *testing.T) {
	if findings := validate(t, good().bytes()); len(findings) > 0 {
		t.Errorf("a good mail: %q", findings)
	}
	bad := good()
	bad.html("</h1>", "</h1><p><div>a block in a paragraph</div></p>")
	if findings := validate(t, bad.bytes()); len(findings) == 0 || !strings.HasPrefix(findings[0], "line ") {
		t.Errorf("a block in a paragraph: %q, want it to be found", findings)
	}
}
