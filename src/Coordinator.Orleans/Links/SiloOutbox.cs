using Coordinator.Hosting;
using Coordinator.Orleans.Wire;
using Microsoft.Extensions.Logging;

namespace Coordinator.Orleans.Links;

/// <summary>What waits to be sent to one silo.</summary>
internal sealed partial class SiloOutbox(SiloAddress local, SiloAddress silo, IBatchSender sender, IDispatcher dispatcher, ILogger logger) : IThreadPoolWorkItem
{
    // Far below what a message of Orleans may have: one beyond that would be lost at every attempt.
    private const int MessagesMax = 256;
    private const int BytesMax = 4 * 1024 * 1024;

    private readonly Lock _gate = new();
    private List<WireMessage> _waiting = [];
    private bool _isScheduled;

    /// <summary>Where it is sent.</summary>
    public SiloAddress Silo => silo;

    /// <summary>Sends the message soon, with whatever else comes until then.</summary>
    public void Post(WireMessage message)
    {
        lock (_gate)
        {
            _waiting.Add(message);
            if (_isScheduled)
            {
                return;
            }

            _isScheduled = true;
        }

        dispatcher.Queue(this);
    }

    void IThreadPoolWorkItem.Execute()
    {
        // One batch after the other, never two at once: a vote that overtakes an earlier one would be taken for the cause of an abort, and what was wounded
        // would be told as lost and not be run again.
        while (TakeWaiting() is { } batch)
        {
            for (var from = 0; from < batch.Count;)
            {
                var count = CountOf(batch, from);
                Send(batch.GetRange(from, count).ToArray());
                from += count;
            }
        }
    }

    private List<WireMessage>? TakeWaiting()
    {
        lock (_gate)
        {
            if (_waiting.Count == 0)
            {
                _isScheduled = false;
                return null;
            }

            var batch = _waiting;
            _waiting = new List<WireMessage>(batch.Count);
            return batch;
        }
    }

    /// <summary>How many messages fit into one batch; a single one always does.</summary>
    private static int CountOf(List<WireMessage> messages, int from)
    {
        var count = 0;
        for (long bytes = 0; count < MessagesMax && from + count < messages.Count; count++)
        {
            bytes += messages[from + count].PayloadBytes;
            if (bytes > BytesMax && count > 0)
            {
                break;
            }
        }

        return count;
    }

    private void Send(WireMessage[] messages)
    {
        try
        {
            sender.Send(silo, new HostBatch { From = local, Messages = messages });
        }
        catch (Exception error) // of whatever the runtime meets: a link may lose messages, and must not end the process
        {
            NotSent(logger, silo, messages.Length, error);
        }
    }

    [LoggerMessage(1502, LogLevel.Warning, "{Count} messages to silo {Silo} could not be sent; what matters of them is sent again.")]
    private static partial void NotSent(ILogger logger, SiloAddress silo, int count, Exception error);
}
