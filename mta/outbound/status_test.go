package outbound

import (
	"testing"

	"posthouse/internal/cause"
	"posthouse/mta/smtp"
)

func TestStatusOfARefusal(t *testing.T) {
	for _, test := range []struct {
		stage smtp.Stage
		reply smtp.Reply
		want  string
	}{
		{smtp.StageRcpt, smtp.Reply{Code: 550, Enhanced: "5.1.1"}, "5.1.1"},
		{smtp.StageRcpt, smtp.Reply{Code: 550}, "5.1.0"},
		{smtp.StageRcpt, smtp.Reply{Code: 551}, "5.1.6"},
		{smtp.StageRcpt, smtp.Reply{Code: 552}, "5.2.2"},
		{smtp.StageRcpt, smtp.Reply{Code: 553}, "5.1.3"},
		{smtp.StageRcpt, smtp.Reply{Code: 556}, "5.1.10"},
		{smtp.StageRcpt, smtp.Reply{Code: 450}, "4.2.0"},
		{smtp.StageRcpt, smtp.Reply{Code: 452}, "4.3.1"},
		{smtp.StageRcpt, smtp.Reply{Code: 599}, "5.1.0"},
		{smtp.StageMail, smtp.Reply{Code: 552}, "5.3.4"},
		{smtp.StageMail, smtp.Reply{Code: 550}, "5.7.1"},
		{smtp.StageMail, smtp.Reply{Code: 450}, "4.0.0"},
		{smtp.StageMail, smtp.Reply{Code: 555}, "5.5.4"},
		{smtp.StageData, smtp.Reply{Code: 451}, "4.3.0"},
		{smtp.StageData, smtp.Reply{Code: 250}, "4.0.0"}, // where 354 was to be expected
		{smtp.StageFinal, smtp.Reply{Code: 552}, "5.3.4"},
		{smtp.StageFinal, smtp.Reply{Code: 554}, "5.0.0"},
		{smtp.StageFinal, smtp.Reply{Code: 550}, "5.7.1"},
		{smtp.StageFinal, smtp.Reply{Code: 450}, "4.7.1"},
		{smtp.StageData, smtp.Reply{Code: 421}, "4.3.2"},
	} {
		if got := statusOf(test.stage, test.reply); got != test.want {
			t.Errorf("%d to %s is %s, want %s", test.reply.Code, test.stage, got, test.want)
		}
	}
}

func TestStatusOfACause(t *testing.T) {
	for id, want := range map[cause.ID]string{
		"": "4.4.2", cause.N3: "4.4.1", cause.N4: "4.4.1", cause.N5: "4.4.2", cause.N6: "4.3.2", cause.N7: "4.4.2", cause.N8: "4.4.4",
		cause.N9: "5.4.6", cause.S2: "4.7.4", cause.H1: "4.7.5", cause.V5: "4.7.5", cause.D1: "4.7.5", cause.M3: "4.7.5",
	} {
		if got := networkFailure(id, host{}, "").Status; got != want {
			t.Errorf("%s is %s, want %s", id, got, want)
		}
	}
}
