using System.Diagnostics;

namespace Coordinator.Diagnostics;

/// <summary>
/// Keeps the caller's <see cref="Activity.Current"/> while spans are started and stopped: starting makes a span current, and stopping makes
/// current what was so when it was started, perhaps in another flow. The engine's threads work for many transactions in turn.
/// </summary>
internal readonly ref struct KeptAmbient
{
    private readonly ExecutionContext? _context;
    private readonly Activity? _current;

    private KeptAmbient(ExecutionContext? context, Activity? current) => (_context, _current) = (context, current);

    public static KeptAmbient Enter()
    {
        var context = ExecutionContext.Capture();
        return new KeptAmbient(context, context is null ? Activity.Current : null);
    }

    public void Dispose()
    {
        if (_context is not null)
        {
            ExecutionContext.Restore(_context); // also where the activity has ended and could not be made current again
        }
        else
        {
            Activity.Current = _current; // the flow is suppressed, which hides the context
        }
    }
}
