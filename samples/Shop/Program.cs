return await Shop.ShopProgram.RunAsync(args);
