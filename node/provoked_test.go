package node

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/relay/wire"
)

// provokedHere are what has a reason counted between two nodes, here and there.
var provokedHere = map[status.Reason]func(t *testing.T, here, there *relayNode){
	status.RequestMemberLost: func(t *testing.T, here, _ *relayNode) {
		service, caller := here.attach(t, "work"), here.attach(t, "")
		caller.send(request(1, "work", "?", 60_000))
		service.call("?")
		service.conn.Close()
		caller.expect(answer(1, false, overlay.FaultMemberLost))
	},
	status.RequestLinkLost: func(t *testing.T, here, there *relayNode) {
		service, caller := there.attach(t, "work"), here.attach(t, "")
		caller.send(request(1, "work", "?", 60_000))
		service.call("?")
		there.end.Close()
		caller.expect(answer(1, false, overlay.FaultMemberLost))
	},
	status.RequestDraining: func(t *testing.T, here, _ *relayNode) {
		caller := here.attach(t, "")
		caller.send(request(1, "nobody", "?", 60_000))
		synctest.Wait()
		if err := here.overlay.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		caller.expect(answer(1, false, overlay.FaultDraining))
	},
	status.RequestOverloaded: func(t *testing.T, here, _ *relayNode) {
		caller := here.attach(t, "")
		caller.send(request(1, "nobody", strings.Repeat("?", 17<<20), 60_000)) // more than may be held
		result, ok := caller.read().(*wire.Result)
		if !ok || result.OK || !strings.HasPrefix(string(result.Body), overlay.FaultOverloaded) {
			t.Errorf("the answer is %+v", result)
		}
	},
}

// provokedElsewhere are the tests that see a reason counted: file, function, and what of the
// function is about the count.
var provokedElsewhere = map[status.Reason][3]string{
	status.EventSlowReceiver:     {"relay/slow_test.go", "TestTheQueueOfAConsumerIsBoundedInBytes", "EventsDropped"},
	status.BroadcastSlowReceiver: {"relay/slow_test.go", "TestTheQueueOfAConsumerIsBoundedInBytes", "BroadcastsDropped"},
	status.RequestMemberFull:     {"relay/slow_test.go", "TestAConsumerThatStopsReadingIsBoundedNamedAndEnded", "RequestsRefused"},
	status.ResultUnread:          {"relay/slow_test.go", "TestAClientThatReadsNoAnswersIsHeldBackAndAnsweredOverloaded", "ResultsReplaced"},
	status.RequestUnreturned:     {"overlay/remote/remote_test.go", "TestNoRoomToSendARequestBack", "stuck.Load()"},
	status.ReplyNoRoom:           {"overlay/deaf_test.go", "TestACallerThatReadsNothingDoesNotStopAService", "RepliesDropped"},
	status.EventUnsent:           {"relay/backlog_test.go", "TestWhatWaitsOutlivesItsApplication", "EventsUnsent"},
	status.BroadcastUnsent:       {"relay/backlog_test.go", "TestWhatWaitsOutlivesItsApplication", "BroadcastsUnsent"},
	status.SendNoRoom:            {"overlay/recover_test.go", "TestBroadcastsWithoutALinkAreCounted", "SendsFailed"},
	status.CopyNoRoom:            {"overlay/multicast/send_test.go", "TestWhatCannotBeSentIsCounted", "CopiesDropped"},
	status.CopyLate:              {"overlay/multicast/marker_test.go", "TestPatienceBoundsTheWaitForAMarker", "CopiesLate"},
	status.NameNotLookedUp:       {"overlay/names/shares_test.go", "TestOneMemberDoesNotAskAllNames", "PlacesFull"},
	status.MemberUnconfirmed:     {"overlay/confirm_test.go", "TestASilentNodeDelaysWhoAttaches", "Unconfirmed"},
	status.AppHasItsPart:         {"overlay/parts_test.go", "TestOneCallerDoesNotTakeAllOfAMember", "PartsMet"},
	status.TunnelRefused:         {"relay/rules_tunnel_test.go", "TestRule15_TunInitsOverTheLimitAreTimedOutAtOnce", "TunnelsRefused"},
	status.TunnelBroken:          {"relay/tunnel_test.go", "TestTunnelEndsForWhatASenderGetsWrong", "TunnelsBroken"},
	status.TunnelUnread:          {"relay/tunnel_test.go", "TestTunnelGivesUpAFlushThatNobodyTakes", "FlushesAbandoned"},
	status.AppDenied:             {"relay/access_test.go", "TestWhatThePolicyForbidsIsNotDone", "Denied"},
	status.AppViolation:          {"relay/violation_test.go", "TestManyViolationsAreCountedAndFewAreLogged", "Violations"},
	status.AppUnattached:         {"relay/violation_test.go", "TestHalfAnInitThenSilenceEndsAfterTheAttachTimeout", "Unattached"},
	status.AppStalled:            {"relay/slow_test.go", "TestAConsumerThatStopsReadingIsBoundedNamedAndEnded", "Stalled"},
	status.AppExpelled:           {"relay/access_test.go", "TestANewPolicyIsAppliedToWhatApplicationsHave", "Expelled"},
	status.AppOverLimit:          {"relay/limit_test.go", "TestWhoMeetsALimitThatHasNoAnswerIsToldAtItsEnd", "Limited"},
	status.AppNoRoom:             {"relay/limit_test.go", "TestSilentConnectionsMakeRoom", "ConnectionsRefused"},
	status.AppEvicted:            {"relay/limit_test.go", "TestSilentConnectionsMakeRoom", "ConnectionsEvicted"},
	status.RequestForbidden:      {"relay/access_test.go", "TestWhatThePolicyForbidsIsNotDone", "RequestsForbidden"},
	status.EventForbidden:        {"relay/access_test.go", "TestWhatThePolicyForbidsIsNotDone", "EventsForbidden"},
	status.BroadcastForbidden:    {"relay/access_test.go", "TestWhatThePolicyForbidsIsNotDone", "BroadcastsForbidden"},
	status.SubscriptionForbidden: {"relay/access_test.go", "TestWhatThePolicyForbidsIsNotDone", "SubscriptionsForbidden"},
	status.TunnelForbidden:       {"relay/access_test.go", "TestWhatThePolicyForbidsIsNotDone", "TunnelsForbidden"},
	status.LinkBytesLost:         {"overlay/session/session_test.go", "TestAFullLane", "BytesLost"},
	status.FrameNoMemory:         {"overlay/deaf_test.go", "TestLargeMessagesThatNeverEnd", "FramesRefused"},
	status.ControlNoRoom:         {"overlay/session/session_test.go", "TestControl", "ControlsDropped"},
	status.StatusRefused:         {"node/network_test.go", "TestOneNodeShowsAll", "StatusRefused"},
	status.MembershipBad:         {"overlay/membership/intruder_test.go", "TestGarbageChangesNothing", "Dropped()"},
	status.HintDropped:           {"overlay/discovery/finder_test.go", "TestAFloodOfHints", "dropped.Load()"},

	status.DirectoryUnknownPeer:   {"overlay/directory/hostile_test.go", "TestWhatIsRefusedIsCounted", "UnknownPeer"},
	status.DirectoryGap:           {"overlay/directory/hostile_test.go", "TestWhatIsRefusedIsCounted", "Gap"},
	status.DirectoryBadAck:        {"overlay/directory/hostile_test.go", "TestWhatIsRefusedIsCounted", "BadAck"},
	status.DirectoryTooManyClaims: {"overlay/directory/hostile_test.go", "TestWhatIsRefusedIsCounted", "TooManyClaims"},
	status.DirectoryTooManyNames:  {"overlay/directory/hostile_test.go", "TestFloods", "TooManyNames"},
	status.DirectoryFull:          {"overlay/directory/hostile_test.go", "TestFloods", "Full"},
	status.DirectoryUnasked:       {"overlay/directory/hostile_test.go", "TestClaimsForOthers", "Unasked"},
	status.DirectoryOldEpoch:      {"overlay/directory/hostile_test.go", "TestOldMessages", "OldEpoch"},
	status.DirectoryStale:         {"overlay/directory/hostile_test.go", "TestOldMessages", "Stale"},
	status.DirectoryForeign:       {"overlay/directory/hostile_test.go", "TestOldMessages", "Foreign"},

	status.PacketLength:        {"overlay/sealed/box_test.go", "TestAlteredPacketsAreRefused", "WrongLength"},
	status.PacketVersion:       {"overlay/sealed/box_test.go", "TestAlteredPacketsAreRefused", "WrongVersion"},
	status.PacketSeal:          {"overlay/sealed/box_test.go", "TestAlteredPacketsAreRefused", "WrongSeal"},
	status.PacketReplayed:      {"overlay/sealed/box_test.go", "TestReplaysAreRefused", "Replayed"},
	status.PacketTooOld:        {"overlay/sealed/box_test.go", "TestReplaysAreRefused", "TooOld"},
	status.PacketOldEpoch:      {"overlay/sealed/box_test.go", "TestOlderEpochsAreRefused", "OldEpoch"},
	status.PacketSendQueueFull: {"quic/packets_test.go", "TestSendPacketDoesNotWaitForTheSystem", "SendQueueFull"},
	status.PacketSendFailed:    {"quic/packets_test.go", "TestPacketsThatTheSystemDoesNotTakeAreCounted", "SendFailed"},
	status.PacketReceiveFull:   {"quic/packets_test.go", "TestAFloodIsDropped", "ReceiveQueueFull"},
	status.PacketForeign:       {"quic/packets_test.go", "TestWhatIsNoPacketIsCounted", "Foreign"},
	status.PeerRefused:         {"tcp/refusal_test.go", "TestRefusalsAreCountedAndLoggedOnce", "Refused()"},
	status.PeerEvicted:         {"transport/secure/flood_test.go", "TestAFloodOfConnectionsKeepsNoMemberOut", "Evicted()"},
	status.LinkKeyDropped:      {"overlay/keys_test.go", "TestWhoKeepsTheOldKeyIsCutOff", "LinksDisowned"},
	status.AdminEvicted:        {"node/adminguard_test.go", "TestSilentAdminConnectionsMakeRoom", "turnedAway.evicted"},
	status.AdminForbidden:      {"node/adminguard_test.go", "TestAdminRequestsAreForThisHost", "turnedAway.forbidden"},

	status.TraceRefused:   {"node/trace/trace_test.go", "TestNodesAreDisarmed", "TracesRefused"},
	status.TraceUnkept:    {"overlay/trace/trace_test.go", "TestStepsAreBounded", "Stats().Unkept"},
	status.LogUnwritten:   {"cmd/iris/linequeue_linux_test.go", "TestANodeOutlivesItsLog", "status.LogUnwritten"},
	status.TunnelNoMember: {"overlay/tunnel_test.go", "TestATunnelThatAllRefuse", "TunnelsUnfit"},
}

// Each reason is provoked by a test, here or elsewhere.
func TestEachReasonIsProvoked(t *testing.T) {
	for _, r := range status.Reasons {
		where, elsewhere := provokedElsewhere[r.Reason]
		_, here := provokedHere[r.Reason]
		switch {
		case !here && !elsewhere:
			t.Errorf("no test provokes %s: add one to provokedHere, or name it in provokedElsewhere", r.Reason)
		case here && elsewhere:
			t.Errorf("%s is there twice", r.Reason)
		case elsewhere && !strings.Contains(bodyOf(t, where[0], where[1]), where[2]):
			t.Errorf("%s: there is no test %s in %s that is about %s", r.Reason, where[1], where[0], where[2])
		}
	}
	if all := len(provokedHere) + len(provokedElsewhere); all != len(status.Reasons) {
		t.Errorf("%d reasons are provoked, of %d", all, len(status.Reasons))
	}
}

// bodyOf returns the text of a function of a file of this module, empty if there is none.
func bodyOf(t *testing.T, file, function string) string {
	t.Helper()
	path := filepath.Join("..", file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, path, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == function {
			return string(text[files.Position(f.Pos()).Offset:files.Position(f.End()).Offset])
		}
	}
	return ""
}

// What is provoked here is counted once, by its reason alone of those that mean a loss.
func TestReasonsAreCounted(t *testing.T) {
	for reason, provoke := range provokedHere {
		t.Run(string(reason), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, here, there := startTwoRelays(t, 0)
				provoke(t, here, there)
				pass()
				n := &Node{overlay: here.overlay, relay: here.relay, config: Config{LogDropped: func() uint64 { return 0 }}}
				counts := n.count()
				all := counts.reasons()
				for _, r := range status.Reasons {
					if want := map[bool]uint64{true: 1}[r.Reason == reason]; r.Weight == status.Lost && all[r.Reason] != want {
						t.Errorf("%s is %d, want %d", r.Reason, all[r.Reason], want)
					}
				}
			})
		})
	}
}
