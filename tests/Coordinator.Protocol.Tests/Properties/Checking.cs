using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace Coordinator.Protocol.Tests.Properties;

/// <summary>Runs a property on drawn cases. The seed is printed first; with it in the environment the same cases are drawn again.</summary>
internal static class Checking
{
    private const string SeedVariable = "COORDINATOR_SEED";
    private const int CasesMax = 20_000;

    public static void ForAll<T>(Gen<T> cases, Func<T, bool> holds, string test)
    {
        var seed = Environment.GetEnvironmentVariable(SeedVariable) is { Length: > 0 } text
            ? ulong.Parse(text, System.Globalization.CultureInfo.InvariantCulture)
            : (ulong)Random.Shared.NextInt64();
        Console.WriteLine($"{test}: seed {seed}; again: {SeedVariable}={seed} dotnet test tests/Coordinator.Protocol.Tests --filter {test}");
        var replay = new Replay(new Rnd(seed, 0x9E3779B97F4A7C15), FSharpOption<int>.None);
        Prop.ForAll(Arb.From(cases), holds)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(CasesMax).WithQuietOnSuccess(true).WithReplay(FSharpOption<Replay>.Some(replay)));
    }

    /// <summary>Numbers of so many bits, with both ends and small ones among them more often than chance would have it.</summary>
    public static Gen<ulong> Bits(int count)
    {
        var max = count == 64 ? ulong.MaxValue : (1UL << count) - 1;
        var any = from high in Gen.Choose(int.MinValue, int.MaxValue)
                  from low in Gen.Choose(int.MinValue, int.MaxValue)
                  select (((ulong)(uint)high << 32) | (uint)low) & max;
        return Gen.OneOf(Gen.Constant(0UL), Gen.Constant(max), Gen.Choose(0, 3).Select(small => (ulong)small & max), any);
    }
}
