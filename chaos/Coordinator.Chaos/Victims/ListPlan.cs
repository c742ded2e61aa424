using Coordinator.Testing.Histories;

namespace Coordinator.Chaos.Victims;

/// <summary>
/// What clients of lists do: reads, appends to one to three lists, and both. Which lists are in use moves on with the appends, so that
/// what is read does not grow for ever. May be used by several threads.
/// </summary>
/// <param name="firstKey">The number of the first list that is in use.</param>
/// <param name="firstElement">The first number to be appended: no two plans may share any.</param>
internal sealed class ListPlan(int firstKey, long firstElement)
{
    private const int KeysInUse = 6, AppendsEach = 60;

    private long _appends;

    public IReadOnlyList<MicroOperation> Draw(Random random)
    {
        var newest = firstKey + (int)(Volatile.Read(ref _appends) / AppendsEach);

        var keys = Enumerable.Range(newest, KeysInUse).OrderBy(_ => random.Next()).Take(random.Next(1, 4)).Select(key => $"k{key}").ToArray();
        return random.Next(4) switch
        {
            0 => [.. keys.Select(Read)],
            1 => [.. keys.Select(Append)],
            2 => [.. keys.SelectMany(key => new[] { Read(key), Append(key) })],
            _ => [.. keys.Select((key, at) => at == 0 ? Read(key) : Append(key))],
        };
    }

    private static MicroOperation Read(string key) => new MicroOperation.ReadList(key, default);

    private MicroOperation Append(string key) => new MicroOperation.Append(key, firstElement + Interlocked.Increment(ref _appends));
}
