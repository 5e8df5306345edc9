package tlsreport

import (
	"slices"
	"strings"
	"testing"
)

func TestParseRecords(t *testing.T) {
	for _, c := range []struct {
		name    string
		records []string
		want    []string
		fails   string
	}{
		{"the RFC's own", []string{"v=TLSRPTv1;rua=mailto:reports@example.com"}, []string{"mailto:reports@example.com"}, ""},
		{"both kinds", []string{"v=TLSRPTv1; rua=https://reports.example/v1/tlsrpt , mailto:a+b@x.example;"},
			[]string{"https://reports.example/v1/tlsrpt", "mailto:a+b@x.example"}, ""},
		{"other records and fields", []string{"v=spf1 -all", "v=TLSRPTv1 ; x=y; rua=mailto:a@b.example"}, []string{"mailto:a@b.example"}, ""},
		{"an unknown kind beside", []string{"v=TLSRPTv1; rua=ftp://a.example,mailto:a@b.example"}, []string{"mailto:a@b.example"}, ""},
		{"an encoded address", []string{"v=TLSRPTv1; rua=mailto:a%21b@c.example"}, []string{"mailto:a%21b@c.example"}, ""},
		{"two records", []string{"v=TLSRPTv1; rua=mailto:a@b.example", "v=TLSRPTv1; rua=mailto:a@b.example"}, nil, "more than one"},
		{"none", []string{"v=TLSRPTv2; rua=mailto:a@b.example"}, nil, "no record"},
		{"no rua", []string{"v=TLSRPTv1; x=y"}, nil, "no rua"},
		{"an empty rua", []string{"v=TLSRPTv1; rua="}, nil, "no field"},
		{"plain http", []string{"v=TLSRPTv1; rua=http://a.example/"}, nil, "no mailto"},
		{"no URI", []string{"v=TLSRPTv1; rua=a@b.example"}, nil, "no URI"},
		{"two addresses in one URI", []string{"v=TLSRPTv1; rua=mailto:a@b.example%2Cc@d.example"}, nil, "no mail address"},
		{"a header within", []string{"v=TLSRPTv1; rua=mailto:a%0D%0ABcc:x@b.example"}, nil, "no mail address"},
		{"an angle bracket", []string{"v=TLSRPTv1; rua=mailto:a%3E@b.example"}, nil, "no mail address"},
		{"a password", []string{"v=TLSRPTv1; rua=https://u:p@b.example/"}, nil, "no host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseRecords(c.records)
			if !slices.Equal(got, c.want) || (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func FuzzRecord(f *testing.F) {
	f.Add("v=TLSRPTv1; rua=https://reports.example/v1/tlsrpt, mailto:a%21b@x.example;")
	f.Add("v=TLSRPTv1;rua=mailto:a@b.example?subject=x")
	f.Fuzz(func(t *testing.T, text string) {
		places, err := ParseRecords([]string{text})
		if (err == nil) != (len(places) > 0) || len(places) > maxPlaces {
			t.Errorf("%q gives %q, %v", text, places, err)
		}
		for _, p := range places {
			if !strings.HasPrefix(p, "https://") && !strings.HasPrefix(p, "mailto:") || strings.ContainsAny(p, "\r\n") {
				t.Errorf("%q gives the place %q", text, p)
			}
		}
	})
}
