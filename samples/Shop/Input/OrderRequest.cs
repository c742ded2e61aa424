using Shop.Domain;

namespace Shop.Input;

/// <summary>One line of the input that makes sense.</summary>
public sealed record OrderRequest(int InputLine, string Order, string User, IReadOnlyList<OrderLine> Lines)
{
    public long Total => Lines.Sum(line => line.Total);
}

/// <summary>One line of the input that makes none.</summary>
public sealed record BadLine(int InputLine, string Fault);
