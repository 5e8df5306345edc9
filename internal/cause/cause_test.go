package cause

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The ids are an interface: they stand in logs, reports and scripts.
const ids = "N1 N2 N3 N4 N5 N6 N7 N8 N9 S1 S2 S3 S4 S5 S6 S7 S8 H1 H2 H3 H4 H5 H6 H7 H8 H9 H10 H11 H12 H13 " +
	"V1 V2 V3 V4 V5 V6 V7 V8 V9 V10 V11 V12 V13 V14 D1 D2 D3 D4 D5 M1 M2 M3 R1 P1 P2 P3 L1 Q1 Q2 Q3 Q4 Q5"

func TestCatalogueIsWhole(t *testing.T) {
	var got []string
	for _, c := range All() {
		got = append(got, string(c.ID))
	}
	if want := strings.Fields(ids); !slices.Equal(got, want) {
		t.Errorf("ids\n got %v\nwant %v", got, want)
	}
}

func TestEntriesAreComplete(t *testing.T) {
	form := regexp.MustCompile(`^[NSHVDMRPLQ][1-9][0-9]?$`)
	titles := map[string]ID{}
	for _, c := range All() {
		if !form.MatchString(string(c.ID)) {
			t.Errorf("id %q has not the form of an id", c.ID)
		}
		if c.Step == "" || c.Title == "" || c.Fault == "" || c.Helps == "" || c.Example == "" {
			t.Errorf("%s lacks a text: %+v", c.ID, c)
		}
		if other, ok := titles[c.Title]; ok {
			t.Errorf("%s and %s have the same title", c.ID, other)
		}
		titles[c.Title] = c.ID
		for _, text := range []string{c.Fault, c.Helps, c.Example} {
			if !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q is not a sentence", c.ID, text)
			}
		}
		if !strings.Contains(c.Line, "["+string(c.ID)+"]") && !strings.Contains(c.Line, " cause "+string(c.ID)+" ") {
			t.Errorf("%s: the line %q does not name it", c.ID, c.Line)
		}
		if strings.HasSuffix(c.Title, ".") || strings.ContainsAny(c.Title+c.Fault+c.Helps+c.Example, "\n\t") {
			t.Errorf("%s: a text has the wrong form", c.ID)
		}
	}
}

func TestReportTypes(t *testing.T) {
	known := []string{
		"", reportNoSTARTTLS, reportHostMismatch, reportExpired, reportNotTrusted, reportValidation, reportTLSAInvalid,
		reportDNSSECInvalid, reportDANERequired, reportSTSFetch, reportSTSInvalid, reportSTSWebPKI,
	}
	for _, c := range All() {
		if !slices.Contains(known, c.Report) {
			t.Errorf("%s: %q is no result type of RFC 8460", c.ID, c.Report)
		}
	}
}

func TestLookup(t *testing.T) {
	if c, ok := Lookup(V2); !ok || c.ID != V2 || c.Step != StepVerify {
		t.Errorf("Lookup(V2) = %+v, %v", c, ok)
	}
	for _, id := range []ID{"", "v2", "V0", "V99"} {
		if _, ok := Lookup(id); ok {
			t.Errorf("Lookup(%q) found something", id)
		}
	}
	All()[0].Title = "changed"
	if All()[0].Title == "changed" {
		t.Error("the catalogue can be changed from outside")
	}
}
