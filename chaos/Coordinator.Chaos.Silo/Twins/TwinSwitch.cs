namespace Coordinator.Chaos.Silo.Twins;

/// <summary>
/// Whether this silo activates grains for itself that are active elsewhere already. Orleans can't be told to do that, but a directory and a
/// placement of one's own can: each silo knows its own activations alone, and all of them agree where a grain belongs, as long as this is off.
/// </summary>
internal sealed class TwinSwitch
{
    private volatile bool _isOn;

    public bool IsOn
    {
        get => _isOn;
        set => _isOn = value;
    }
}
