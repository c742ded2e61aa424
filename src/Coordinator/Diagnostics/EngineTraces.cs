using System.Diagnostics;
using Coordinator.Log;
using Coordinator.Participants;
using Coordinator.Protocol;
using Coordinator.Protocol.Commit;
using Coordinator.Protocol.Participation;

namespace Coordinator.Diagnostics;

/// <summary>What a participant's span needs to know while it is at work; there is none where its transaction is not recorded.</summary>
/// <param name="Parent">The transaction's span.</param>
/// <param name="Since">When it was enlisted, by the engine's clock.</param>
internal sealed record ParticipantTrace(Activity Parent, TimeSpan Since)
{
    /// <summary>The strongest lock that was asked for.</summary>
    public LockMode Mode { get; set; }

    /// <summary>How long it has waited for locks.</summary>
    public TimeSpan Waited { get; set; }
}

/// <summary>
/// The spans of one engine. Only the transaction's is made when it begins, because others are its children; those of participants and appends are
/// made when they end, with what is known then. None of it is ever left current.
/// </summary>
internal sealed class EngineTraces(ActivitySource source, ListenerGuard guard, TimeProvider time)
{
    private const int LinksMax = 32;

    // Values of tags that most spans have: a box less for each.
    private static readonly object[] Counts = [.. Enumerable.Range(0, 65).Select(static count => (object)count)];
    private static readonly object True = true;
    private static readonly object False = false;
    private static readonly object NoWait = 0.0;

    /// <summary>Somebody listens, if only to some of them.</summary>
    public bool IsWanted => source.HasListeners();

    /// <summary>Begins the span of a transaction; null if nobody wants it.</summary>
    public Activity? Begin(int attempt, bool isKeyed)
    {
        if (!IsWanted)
        {
            return null;
        }

        using var ambient = KeptAmbient.Enter();
        try
        {
            var span = source.CreateActivity(TelemetryNames.Transaction.Name, ActivityKind.Internal);
            span?.SetStartTime(time.GetUtcNow().UtcDateTime).Start();
            if (span is { IsAllDataRequested: true })
            {
                span.SetTag(TelemetryNames.Attempt, Boxed(attempt)).SetTag(TelemetryNames.Keyed, isKeyed ? True : False);
            }

            return span;
        }
        catch (Exception error)
        {
            guard.Failed(error);
            return null;
        }
    }

    /// <summary>The transaction's initiator was told.</summary>
    public void End(Activity span, TransactionId id, OutcomeKind outcome, AbortReason? reason, int participants)
    {
        using var ambient = KeptAmbient.Enter();
        try
        {
            if (span.IsAllDataRequested)
            {
                span.SetTag(TelemetryNames.TransactionId, $"{id}");
                Tag(span, TelemetryNames.Outcome[(int)outcome]);
                span.SetTag(TelemetryNames.Participants, Boxed(participants));
                if (reason is { } why)
                {
                    Tag(span, TelemetryNames.Reason[(int)why]); // never the detail, which may quote what the user's code threw (T19)
                }

                if (outcome is OutcomeKind.Unknown || reason is not (null or AbortReason.Requested))
                {
                    span.SetStatus(ActivityStatusCode.Error);
                }
            }

            span.SetEndTime(time.GetUtcNow().UtcDateTime);
            span.Stop();
        }
        catch (Exception error)
        {
            guard.Failed(error);
        }
    }

    /// <summary>A participant has left its transaction, or was dropped with the host's term while it was in doubt.</summary>
    public void Left(Participation participation, TimeSpan now)
    {
        var trace = participation.Trace!;
        using var ambient = KeptAmbient.Enter();
        try
        {
            var span = Past(TelemetryNames.Participant.Name, ActivityKind.Internal, trace.Parent.Context, null, now - trace.Since);
            if (span is { IsAllDataRequested: true })
            {
                span.SetTag(TelemetryNames.Category, participation.Activation.Category);
                Tag(span, TelemetryNames.Mode[(int)trace.Mode]);
                Tag(span, participation.State.Phase is ParticipationPhase.Prepared ? TelemetryNames.EndInDoubt : TelemetryNames.End[(int)participation.State.Phase]);
                span.SetTag(TelemetryNames.LockWaited, trace.Waited == TimeSpan.Zero ? NoWait : trace.Waited.TotalSeconds);
            }

            span?.Stop();
        }
        catch (Exception error)
        {
            guard.Failed(error);
        }
    }

    /// <summary>The store has answered for rows that carry these transactions, or for the fence behind them.</summary>
    /// <param name="batches">The batches that the write carries, or a fence settles.</param>
    /// <param name="rows">Of the write.</param>
    /// <param name="isFence">The write carries no batch.</param>
    /// <param name="answer">What the store said.</param>
    /// <param name="duration">How long that took.</param>
    public void Appended(List<PendingAppend> batches, int rows, bool isFence, GroupAnswerKind answer, TimeSpan duration)
    {
        if (LinksOf(batches) is not { } links)
        {
            return;
        }

        using var ambient = KeptAmbient.Enter();
        try
        {
            Activity.Current = null; // it is no part of any one transaction
            var span = Past(TelemetryNames.Append.Name, ActivityKind.Client, default, links, duration);
            if (span is { IsAllDataRequested: true })
            {
                Tag(span, TelemetryNames.Answer[(int)answer]);
                span.SetTag(TelemetryNames.Batches, isFence ? 0 : batches.Count).SetTag(TelemetryNames.Rows, rows);
            }

            span?.Stop();
        }
        catch (Exception error)
        {
            guard.Failed(error);
        }
    }

    /// <summary>A span that ends now.</summary>
    private Activity? Past(string name, ActivityKind kind, ActivityContext parent, List<ActivityLink>? links, TimeSpan duration)
    {
        var now = time.GetUtcNow();
        return source.StartActivity(name, kind, parent, tags: null, links, now - duration)?.SetEndTime(now.UtcDateTime);
    }

    /// <summary>Null if none of the transactions is recorded: then nobody could find the append by them.</summary>
    private static List<ActivityLink>? LinksOf(List<PendingAppend> batches)
    {
        List<ActivityLink>? links = null;
        foreach (var batch in batches)
        {
            if (batch.Span is { IsAllDataRequested: true } span && (links ??= []).Count < LinksMax)
            {
                links.Add(new ActivityLink(span.Context));
            }
        }

        return links;
    }

    private static object Boxed(int count) => count < Counts.Length ? Counts[count] : count;

    private static void Tag(Activity span, KeyValuePair<string, object?> tag) => span.SetTag(tag.Key, tag.Value);
}
