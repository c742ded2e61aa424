namespace Coordinator.Protocol;

/// <summary>
/// The address of a participant: the stream of a log-native one (<c>account/alice</c>), the configured name of an
/// external one. Same characters as a <see cref="StreamName"/>.
/// </summary>
public readonly record struct ParticipantId(StreamName Address)
{
    /// <inheritdoc/>
    public override string ToString() => Address.Value;
}
