using Coordinator.Testing.Histories;

namespace Coordinator.Chaos.Drivers.Workloads;

/// <summary>
/// What clients of lists do: reads, appends to one to three lists, and both. Which lists are in use moves on with the appends, so that
/// what is read does not grow for ever. May be used by several threads.
/// </summary>
/// <param name="set">Begins the names of the lists.</param>
internal sealed class ListPlan(string set)
{
    private const int KeysInUse = 6, AppendsEach = 60;

    private long _appends;

    /// <summary>All lists so far.</summary>
    public IEnumerable<string> Keys => Enumerable.Range(0, Newest + KeysInUse).Select(NameOf);

    private int Newest => (int)(Volatile.Read(ref _appends) / AppendsEach);

    public IReadOnlyList<MicroOperation> Draw(Random random)
    {
        var keys = Enumerable.Range(Newest, KeysInUse).OrderBy(_ => random.Next()).Take(random.Next(1, 4)).Select(NameOf).ToArray();
        return random.Next(4) switch
        {
            0 => [.. keys.Select(Read)],
            1 => [.. keys.Select(Append)],
            2 => [.. keys.SelectMany(key => new[] { Read(key), Append(key) })],
            _ => [.. keys.Select((key, at) => at == 0 ? Read(key) : Append(key))],
        };
    }

    /// <summary>Appends to one list what nobody has appended yet.</summary>
    public MicroOperation Append(string key) => new MicroOperation.Append(key, Interlocked.Increment(ref _appends));

    private static MicroOperation Read(string key) => new MicroOperation.ReadList(key, default);

    private string NameOf(int number) => $"{set}.k{number}";
}
