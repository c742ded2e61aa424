namespace Coordinator.Protocol.Tests.Model;

/// <summary>One seeded bug: a decorator around a production function, or a shell obligation that is dropped.</summary>
/// <param name="Name">What is wrong.</param>
/// <param name="Property">The beginning of what the checker must say.</param>
/// <param name="Configuration">A small search that shows it.</param>
/// <param name="Rules">The production rules with the bug in them.</param>
internal sealed record Mutant(string Name, string Property, Configuration Configuration, Rules Rules)
{
    public Mutant(string name, string property, Configuration configuration, Lapse lapse)
        : this(name, property, configuration, new Rules { Lapse = lapse })
    {
    }
}
