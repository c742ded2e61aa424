namespace Coordinator.Hosting;

/// <summary>
/// The one of several that is used, while they come and go on threads of their own. Choosing the next one and saying so is one step: <em>else one thread
/// chooses what another finds over, and leaves, before it is said; nobody looks at it again.</em> Reading takes no lock.
/// </summary>
/// <param name="isOver">It can't be used any more. What is over stays so, and says so before anybody leaves it.</param>
/// <param name="next">The best that can be used other than this one; null if there is none.</param>
internal sealed class ChosenOne<T>(Func<T, bool> isOver, Func<T?, T?> next)
    where T : class
{
    private readonly Lock _choosing = new();
    private T? _current;

    /// <summary>The one in use; null if there was none to choose. It may be over without anybody having left it yet.</summary>
    public T? Current => Volatile.Read(ref _current);

    /// <summary>It is used no more. If nothing else can be, nothing is.</summary>
    public void Leave(T one)
    {
        lock (_choosing)
        {
            if (_current == one)
            {
                Volatile.Write(ref _current, next(one));
            }
        }
    }

    /// <summary>Goes over to another one. False, and nothing has changed, if there is none.</summary>
    /// <param name="one">Which is not to be used.</param>
    /// <param name="among">The best other one of those that may take its place.</param>
    public bool TryLeave(T one, Func<T?, T?> among)
    {
        lock (_choosing)
        {
            if (among(one) is not { } other)
            {
                return false;
            }

            if (_current == one)
            {
                Volatile.Write(ref _current, other);
            }

            return true;
        }
    }

    /// <summary>Chooses anew if what is in use is over, or nothing is.</summary>
    public void Ensure()
    {
        if (Current is { } current && !isOver(current))
        {
            return;
        }

        lock (_choosing)
        {
            if (_current is null || isOver(_current))
            {
                Volatile.Write(ref _current, next(_current));
            }
        }
    }
}
